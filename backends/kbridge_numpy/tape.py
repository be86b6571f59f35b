"""The tape: it records what is done to traced values, and runs the record backwards.

A ``Traced`` is a box around an array that records what is done to it. The rules of ``gradients.py`` are plain
NumPy; where a tape runs backwards while an outer one listens, the rules meet boxes of the outer tape and are recorded
in their turn: gradients of gradients need no further code. Integers and booleans are never boxed.
"""

import threading
from functools import wraps

import numpy as np

from kbridge_numpy.boxes import ArrayLike, recorders, strip
from kbridge_numpy.recorded import Box, invoke

_running = threading.local()  # how many tapes listen in this thread


class Traced(ArrayLike):
    """An array that is being differentiated: entry ``index`` of ``tape``."""

    __slots__ = ("value", "tape", "index")

    def __init__(self, value, tape, index):
        self.value = value
        self.tape = tape
        self.index = index


def depth():
    """How many tapes listen here."""
    return getattr(_running, "depth", 0)


class Tape:
    """The record of one differentiation. Entries stand in the order in which they were made.

    An entry is None (a watched value, or a further output of the entry before), or a tuple: of a rule's
    ``(links, y, args, kwargs)`` with ``links`` of (rule, index, shape), or of ``(pullback, parents, count)``.
    """

    __slots__ = ("entries", "level", "leaves")

    def __enter__(self):
        self.entries = []
        self.leaves = 0
        self.level = _running.depth = depth() + 1
        return self

    def __exit__(self, *error):
        _running.depth = self.level - 1
        self.level = -1  # boxes that outlive the tape count as constants
        self.entries = None

    def watch(self, value):
        """A box in which ``value`` is differentiated with respect to."""
        self.entries.append(None)
        self.leaves = len(self.entries)
        return Traced(value, self, self.leaves - 1)

    def push(self, y, pullback, parents):
        """Box the result ``y`` (or each floating item of a tuple) of a function with its own pullback."""
        entries = self.entries
        index = len(entries)
        if type(y) is not tuple:
            entries.append((pullback, parents, 0))
            return Traced(y, self, index)
        entries.extend([None] * len(y))
        entries[index] = (pullback, parents, len(y))
        return tuple(Traced(item, self, index + i) if is_floating(item) else item for i, item in enumerate(y))

    def gradients(self, result):
        """The gradients of the sum of ``result`` with respect to each watched value, None where there is none."""
        if type(result) is not Traced or result.tape is not self:
            return [None] * self.leaves
        entries = self.entries
        last = result.index
        grads = [None] * (last + 1) + [None] * self.leaves
        grads[last] = np.ones(result.shape, result.dtype)
        owned = set()  # the sums made here, which may grow in place
        for i in range(last, self.leaves - 1, -1):
            entry = entries[i]
            if entry is None:
                continue
            g = grads[i]
            grads[i] = entries[i] = None
            if type(entry[0]) is tuple:
                if g is None:
                    continue
                links, y, args, kwargs = entry
                for rule, parent, shape in links:
                    piece = rule(g, y, *args, **kwargs) if not recorders else invoke(rule, (g, y, *args), kwargs)
                    if piece.shape != shape:
                        piece = fit(piece, shape)
                    total = grads[parent]
                    if total is None and type(piece) is not Piece:
                        grads[parent] = piece
                    else:
                        _accumulate(grads, parent, total, piece, owned)
                continue
            pullback, parents, count = entry
            if count:
                g = (g, *grads[i + 1 : i + count])
                if all(part is None for part in g):
                    continue
                grads[i + 1 : i + count] = [None] * (count - 1)
            elif g is None:
                continue
            pieces = pullback(g)
            for position, parent, shape in parents:
                piece = pieces[position]
                if piece is not None:
                    if piece.shape != shape:
                        piece = fit(piece, shape)
                    _accumulate(grads, parent, grads[parent], piece, owned)
        return grads[: self.leaves]


def _accumulate(grads, parent, total, piece, owned):
    """Add ``piece`` to the ``total`` of an entry; in place only where the array was made here."""
    if type(piece) is Piece:
        if recorders and isinstance(piece.g, Box):
            total = invoke(_grown, (total, piece.g, piece.shape, piece.key, parent in owned))
            owned.add(parent)
        elif type(total) is Traced or type(piece.g) is Traced:
            piece = put(piece.g, piece.shape, piece.key)
            total = piece if total is None else total + piece
        else:
            total = _grown(total, piece.g, piece.shape, piece.key, parent in owned)
            owned.add(parent)
    elif total is None:
        total = piece
    elif parent in owned and type(total) is np.ndarray and type(piece) is np.ndarray and total.dtype == piece.dtype:
        total += piece
    else:
        total = total + piece
        owned.add(parent)
    grads[parent] = total


def _grown(total, g, shape, key, owned):
    """``total`` with ``g`` added at ``key``, in place where it is ``owned``."""
    if total is None:
        total = np.zeros(shape, g.dtype)
    elif not owned:
        total = total.copy()
    return add_at(total, key, g)


class Piece:
    """The gradient of an indexing: zeros of ``shape`` but for ``g`` at ``key``."""

    __slots__ = ("g", "shape", "key")

    def __init__(self, g, shape, key):
        self.g = g
        self.shape = shape
        self.key = key


def _repeats(key):
    """Whether an index may name one place twice."""
    parts = key if type(key) is tuple else (key,)
    return any(isinstance(part, (list, np.ndarray)) and np.asarray(part).dtype != bool for part in parts)


def add_at(total, key, g):
    """Add ``g`` to ``total`` at ``key``, in place."""
    if _repeats(key):
        np.add.at(total, key, g)
    else:
        total[key] += g
    return total


def put(g, shape, key):
    """Zeros of ``shape`` with ``g`` added at ``key``."""
    if type(g) is Traced:
        return record(put, g, shape, key)
    return add_at(np.zeros(shape, g.dtype), key, g)


def fit(g, shape):
    """``g`` summed over the axes along which ``shape`` was broadcast; or broadcast to ``shape``."""
    if recorders and isinstance(g, Box):
        return invoke(fit, (g, shape))
    have = g.shape
    if have == () and type(g) is not Traced:
        whole = np.empty(shape, g.dtype)
        whole[...] = g
        return whole
    extra = len(have) - len(shape)
    axes = [i for i in range(len(have)) if i < extra or shape[i - extra] == 1 != have[i]]
    if axes:
        g = np.sum(g, tuple(axes), keepdims=True)
    if extra > 0:
        g = g.reshape(g.shape[extra:])
    return g if g.shape == shape else np.broadcast_to(g, shape)


class _Plans(dict):
    """For one function: which arguments are traced (as bits) -> what to do and what to keep."""

    def __init__(self, rules):
        super().__init__()
        self.rules = rules

    def __missing__(self, traced):
        places = [i for i, rule in enumerate(self.rules) if rule is not None and traced >> i & 1]
        names = [_parameters(self.rules[i]) for i in places]
        keep_y = any(not n[0].startswith("_") for n in names)
        # what stands beyond the named parameters is kept
        drop = [i for i in range(min(map(len, names), default=1) - 1) if all(_spares(n[i + 1]) for n in names)]
        links = []
        for i, own in zip(places, names, strict=True):
            shaped = [j for j, name in enumerate(own[1:]) if name.endswith("_shape") and j not in drop]
            links.append((_with_shapes(self.rules[i], shaped) if shaped else self.rules[i], i))
        self[traced] = plan = (tuple(links), drop, keep_y)
        return plan


def _parameters(rule):
    """The names of a rule's parameters after the first."""
    return rule.__code__.co_varnames[1 : rule.__code__.co_argcount]


def _spares(name):
    """Whether a parameter of this name does without the array."""
    return name.startswith("_") or name.endswith("_shape")


def _with_shapes(rule, places):
    """``rule``, given shapes at ``places``, where arrays are kept for another rule."""

    def shaped(g, y, *args, **kwargs):
        return rule(g, y, *[a.shape if i in places else a for i, a in enumerate(args)], **kwargs)

    return shaped


class _Rules(dict):
    def __missing__(self, function):
        name = getattr(function, "__name__", function)
        raise TypeError(
            f"No gradient is known for {getattr(function, '__module__', '')}.{name}, which met a value that is being "
            f"differentiated. Write it with kbridge.ops, give it kbridge.ops.custom_gradient, or pass "
            f"kbridge.ops.stop_gradient(x) if its gradient is not wanted."
        )


RULES = _Rules()  # function -> its plans


def rule(function, *rules):
    """Say how to differentiate ``function``: a rule for each positional argument, None where it has no gradient.

    A rule takes ``(g, y, *args, **kwargs)``: the gradient of the result, the result, and what the function
    was called with, and gives the gradient of its argument. Where the result is larger than the argument by
    broadcasting, or the other way round, the tape sums or repeats. The names of a rule's parameters say what to keep:
    an array that stands only where they begin with an underscore or end in ``_shape`` (which gets its shape) is freed.
    """
    RULES[function] = _Plans(rules)


def record(function, *args, **kwargs):
    """``function(*args, **kwargs)``, where some positional argument is traced."""
    tape, traced, raw = None, 0, []
    for i, a in enumerate(args):
        if type(a) is Traced:
            own = a.tape
            if own is tape:
                traced |= 1 << i
                raw[i] = a.value
            elif tape is None or own.level > tape.level:
                tape, traced, raw = own, 1 << i, list(args)
                raw[i] = a.value
    y = function(*raw, **kwargs) if not recorders else invoke(function, raw, kwargs)
    entries = tape.entries
    if entries is None:
        return y
    links, drop, keep_y = RULES[function][traced]
    if not links:
        return y
    links = tuple([(rule, args[i].index, raw[i].shape) for rule, i in links])
    for i in drop:
        if i < len(raw):
            raw[i] = getattr(raw[i], "shape", ())
    if isinstance(y, tuple):
        return tape.push(tuple(y), _pull_all(links, y, raw, kwargs), [(n, *link[1:]) for n, link in enumerate(links)])
    entries.append((links, y if keep_y else None, raw, kwargs))
    return Traced(y, tape, len(entries) - 1)


def record_one(function, x):
    """``record`` for a function of one tensor, faster."""
    tape, value = x.tape, x.value
    y = function(value) if not recorders else invoke(function, (value,))
    entries = tape.entries
    if entries is None:
        return y
    links, drop, keep_y = RULES[function][1]
    link = (links[0][0], x.index, value.shape)
    entries.append(((link,), y if keep_y else None, (value.shape if drop else value,), _NONE))
    return Traced(y, tape, len(entries) - 1)


_NONE = {}


def _pull_all(links, y, args, kwargs):
    """The pullback of a function with several results."""

    def pull(g):
        g = [np.zeros_like(strip(item)) if part is None else part for item, part in zip(y, g, strict=True)]
        return [rule(g, y, *args, **kwargs) for rule, _, _ in links]

    return pull


def differentiable(forward=None, *, once=False):
    """A function that brings its own pullback: ``forward(traced, *args, **kwargs)`` -> result, pullback.

    ``traced`` has bit i set where argument i is traced; it is 0 where no pullback is needed.
    ``pullback(g)`` returns a gradient for each argument, or None; with a tuple as result ``g`` is one, with
    None where nothing depends on the item. ``once`` says that the pullback cannot be differentiated itself:
    within nested tapes the function then returns NotImplemented, and the op's portable body takes its place.
    """
    if forward is None:
        return lambda function: differentiable(function, once=once)

    @wraps(forward)
    def call(*args, **kwargs):
        tape = None
        for a in args:
            if type(a) is Traced and (tape is None or a.tape.level > tape.level):
                tape = a.tape
        if tape is None:
            return (forward(0, *args, **kwargs) if not recorders else invoke(forward, (0, *args), kwargs))[0]
        if once and tape.level > 1:
            return NotImplemented
        traced = 0
        raw = list(args)
        parents = []
        for i, a in enumerate(args):
            if type(a) is Traced and a.tape is tape:
                raw[i] = value = a.value
                traced |= 1 << i
                parents.append((i, a.index, value.shape))
        if tape.entries is None:
            return call(*raw, **kwargs)
        y, pullback = forward(traced, *raw, **kwargs) if not recorders else invoke(forward, (traced, *raw), kwargs)
        return tape.push(y, pullback, parents)

    return call


def is_floating(x):
    """Whether ``x`` can carry a gradient."""
    dtype = getattr(x, "dtype", None)
    return dtype is not None and dtype in FLOATS


FLOATS = {np.dtype(code) for code in "efdFD"}  # those of ml_dtypes join when they are first asked for
Traced.record = staticmethod(record)
Traced.rules = RULES
