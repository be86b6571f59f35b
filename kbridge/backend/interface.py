"""What an engine must do: class ``Backend``.

An engine is a module that holds ``engine``, an instance of a subclass. It
consists of the methods below and of functions that carry ops' names: for every
required op one of the same signature, and for any other op where it knows a
faster or more accurate way. Such a function receives tensors of this engine,
already converted and cast by the op's dtype rule (Python scalars may remain
beside a tensor); it may return ``NotImplemented`` to leave a case to the
portable body. No function of an engine checks arguments, promotes dtypes or
resolves defaults: the op has done so.
"""

import numpy as np

from kbridge.backend import dtypes
from kbridge.backend.frame import entered, get_frame


class Backend:
    """An engine. Methods that raise here are required; the others have working defaults."""

    name = None  # what users call it
    modules = ()  # modules and other namespaces in which its functions are found, first match wins
    tensor_types = frozenset()  # exact types of its tensors, those of tracers too: the fast path of every op
    float_dtypes = frozenset()  # its own dtype objects that count as float (complex too), for the same
    eager = True  # False where functions are compiled by tracing: values are then unknown inside
    abstract = False  # True for the engine of shapes only

    def native(self, name):
        """Its function for the op ``name``, or None."""
        for module in self.modules:
            function = getattr(module, name, None)
            if function is not None:
                return function
        return None

    # -- tensors in and out

    def is_tensor(self, x):
        """Whether ``x`` is a tensor of this engine."""
        raise NotImplementedError

    def convert(self, x, dtype=None):
        """``x`` (a tensor of any engine, array, scalar or nested list) as a tensor here, on the current device.

        Without a dtype, Python's floats become floatx, its ints int32, and arrays keep theirs.
        """
        raise NotImplementedError

    def to_numpy(self, x):
        """``x`` as a NumPy array in host memory (ml_dtypes for bfloat16 and float8), without its gradient."""
        raise NotImplementedError

    def cast(self, x, dtype):
        """The tensor ``x`` in ``dtype``."""
        raise NotImplementedError

    def dtype(self, x):
        """The dtype of a tensor, as a string."""
        return dtypes.standardize(x.dtype)

    def shape(self, x):
        """The shape of a tensor: a tuple of ints, and of tensors where an axis is not known before it runs."""
        return tuple(x.shape)

    # -- storage of variables

    def allocate(self, value, device=None):
        """Storage that holds the NumPy array ``value``; it must not share memory with it."""
        raise NotImplementedError

    def adopt(self, storage, engine):
        """Storage here for what ``engine`` holds in ``storage``."""
        return self.allocate(engine.to_numpy(engine.read(storage)))

    def read(self, storage):
        """The tensor held in ``storage``."""
        return storage

    def write(self, storage, tensor):
        """Put ``tensor``, of the right shape and dtype, into ``storage``, or into a new one, and return that."""
        return tensor

    def take_over(self, storage, array):
        """The same for a NumPy array that no one else will use: an engine may keep it, or copy it piece by piece."""
        return self.write(storage, self.convert(array))

    # -- functions of functions

    def value_and_grad(self, function, variables, has_aux=False):
        """``function()`` and its gradients with respect to ``variables``.

        Items of ``variables`` that are tensors are passed to ``function`` as arguments, in order;
        Variables are read by it. Returns ``value, grads`` or ``(value, aux), grads``. A gradient is
        None where ``value`` does not depend on the item. What ``function`` assigns to variables
        stays assigned. Calls may be nested.
        """
        raise NotImplementedError

    def compile(self, function, state=(), jit=None):
        """``function``, made fast: it takes and returns structures of tensors, and reads and assigns variables.

        ``jit``: True asks for the library's just-in-time compiler, False forbids it, None leaves it to the engine.
        ``state`` names the variables it is known to touch; an engine finds others by itself. If
        ``function`` raises, no variable has changed.
        """
        self.refuse_jit(jit)

        def run(*args):
            frame = get_frame()
            bindings = dict(frame.bindings or {})
            with entered(frame.child(engine=self, bindings=bindings, captures=True, touched={}, written={})) as inside:
                result = function(*args)
            for variable in inside.written.values():  # only now that nothing can fail any more
                variable.assign(bindings[id(variable)])
            return result

        return run

    def refuse_jit(self, jit):
        """For engines that have no compiler: ``jit=True`` is an error."""
        if jit:
            raise ValueError(
                f'jit_compile=True cannot be honoured: the engine "{self.name}" runs eagerly and has no compiler here. '
                f'Write jit_compile="auto".'
            )

    def compile_loop(self, step, finish, state=(), jit=None):
        """A function ``loop(data, rows, tail)`` that runs whole epochs in one call.

        ``data`` is a structure of tensors with a common first axis; ``rows`` an int32 array (epochs, steps,
        batch) of indices into it; ``tail`` (epochs, rest) the last, smaller batch of each epoch, or None.
        For each row it runs ``step(batch)``; at the end of each epoch ``finish()``, whose results (a
        structure of scalars) it returns stacked: (epochs, ...).
        """
        self.refuse_jit(jit)

        def loop(data, rows, tail=None):
            results = []
            for epoch in range(len(rows)):
                for row in rows[epoch]:
                    step(self.gather(data, row))
                if tail is not None:
                    step(self.gather(data, tail[epoch]))
                results.append(finish())
            from kbridge.backend.tree import map_structure

            return map_structure(lambda *values: np.stack([self.to_numpy(v) for v in values]), *results)

        return loop

    def gather(self, data, row):
        """The rows of ``data`` (a structure of tensors) that ``row`` (an int array) names."""
        raise NotImplementedError

    def eval_shape(self, function, *args):
        """What ``function`` gives for tensors of the shapes and dtypes of ``args`` (Abstracts), as Abstracts.

        Asked only of functions that the engine of shapes cannot run, since they use this engine's own library.
        """
        from kbridge.backend.abstract import Abstract
        from kbridge.backend.tree import map_structure

        def zeros(spec):
            return self.convert(np.zeros(spec.shape, "float32"), spec.dtype)

        def describe(x):
            return Abstract(self.shape(x), self.dtype(x)) if self.is_tensor(x) else x

        # What the function assigns is for nothing: it is only asked for shapes.
        with entered(get_frame().child(engine=self, bindings={}, captures=True, touched={}, written={})):
            return map_structure(describe, function(*map_structure(zeros, list(args))))

    def rematerialize(self, function, tensors):
        """``function(tensors)``, the intermediate results of which are not kept for the gradient but computed again.

        ``function`` returns a structure of tensors and assigns no variable. An engine that cannot do it keeps
        them: the result is the same, only memory is not saved. That is the default.
        """
        return function(tensors)

    def bridge(self, kind):
        """What makes models of this engine's own library into layers: see ``kbridge.layers.bridges``.

        ``kind`` is "module" (an object with parameters), "function" (a function of parameters and inputs),
        "linen" (what makes such a function of a module) or "saved" (a program in a folder).
        """
        raise NotImplementedError(f'The backend "{self.name}" has no bridge to models of the kind "{kind}".')

    def update(self, rule, gradients, values, slots, scalars):
        """Apply an optimizer's ``rule`` to many tensors.

        ``rule(gradient, value, slots, scalars) -> value, slots`` works on one tensor with its slots (a tuple),
        in ops. ``values`` are Variables, ``slots`` tuples of Variables, ``scalars`` a dict that holds for all.
        If ``rule.elementwise``, an engine may join tensors and call it on fewer, larger ones.
        """
        for gradient, variable, own in zip(gradients, values, slots):
            value, new = rule(gradient, variable.value, tuple(slot.value for slot in own), scalars)
            variable.assign(value)
            for slot, item in zip(own, new):
                slot.assign(item)

    def on_host(self, function, *args):
        """``function(*args)``, which computes with numbers of the host alone: counters, learning rates.

        Only an engine that records its calls needs to know of it.
        """
        return function(*args)

    # -- randomness: stateless, from a seed tensor of shape (2,), uint32: (key, counter)
    # (random_uniform, random_normal, ... are required ops)

    # -- devices

    def devices(self):
        """The names of the devices it sees: "cpu:0", "gpu:0", ..."""
        return ["cpu:0"]

    def default_device(self):
        """The device used where none is asked for: a GPU if there is one."""
        found = self.devices()
        return next((name for name in found if not name.startswith("cpu")), found[0])

    def device_of(self, tensor):
        """The name of the device that ``tensor`` lies on."""
        return "cpu:0"

    def synchronize(self, tree=None):
        """Wait until ``tree`` (or everything under way) has been computed."""

    def memory(self):
        """{"device": {"used": bytes, "peak": bytes}} for the devices that tell."""
        return {}

    def prefers_loop(self, seconds_per_step):
        """Whether a loop of steps compiled as one may beat single steps that take so long; it is then tried."""
        return not self.eager and seconds_per_step < 0.25

    def version(self):
        """The version of the library underneath."""
        return np.__version__

    def __repr__(self):
        return f"<kbridge backend {self.name}>"
