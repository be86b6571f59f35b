"""The optimizer's update of many tensors, as few kernels as possible.

Small tensors of one dtype are joined: their storages become views of one flat buffer, and so do those of their
slots, for as long as nobody else replaces them. A rule then runs once for all of them, in place.
"""

import weakref

import torch

from kbridge.backend.frame import entered, get_frame
from kbridge_torch import journals, tensors

_SMALL = 32768  # items; larger tensors cost more to gather than a call saves
_CHUNK = 65536  # items that a rule works on at a time on a CPU, so that what it makes on the way stays in the cache


class Joined:
    """What was joined before: (ids of the variables, the rule) -> a ``Group``."""

    def __init__(self):
        self._groups = {}

    def update(self, engine, rule, gradients, values, slots, scalars):
        """Whether it could be done: not with variables that stand-ins are bound for, nor with a rule across items."""
        if not getattr(rule, "elementwise", False):
            return False
        bindings = get_frame().bindings
        variables = [*values, *(slot for own in slots for slot in own)]
        if bindings and any(id(variable) in bindings for variable in variables):
            return False
        key = (getattr(rule, "name", None), getattr(rule, "settings", None), *map(id, values))
        group = self._groups.get(key)
        if group is None or not group.holds(variables):
            group = Group.join(engine, rule, values, slots, variables)
            if group is None:
                return False
            self._keep(key, group, values[0])
        group.run(rule, gradients, scalars)
        return True

    def _keep(self, key, group, variable):
        """Remember a group as long as its first variable lives, and forget those whose variables it took over."""
        taken = set(key[2:])
        for other in [other for other in self._groups if other != key and not taken.isdisjoint(other[2:])]:
            del self._groups[other]
        if key not in self._groups:
            weakref.finalize(variable, self._groups.pop, key, None)
        self._groups[key] = group


class Group:
    """Variables with their slots, in pieces: joined ones, and single ones; those of one kind lie in one bundle."""

    def __init__(self, storages, pieces, native):
        self.storages = storages
        self.native = native
        self.pieces = pieces
        kinds = {}
        for piece in pieces:
            kinds.setdefault((piece.flats[0].dtype, piece.flats[0].device), []).append(piece)
        self.bundles = [(same, [list(column) for column in zip(*(p.flats for p in same))]) for same in kinds.values()]

    @classmethod
    def join(cls, engine, rule, values, slots, variables):
        """A group, or None where tensors of a variable and its slots differ in shape or dtype."""
        kinds = {}
        for i, (variable, own) in enumerate(zip(values, slots, strict=True)):
            storage = variable.storage
            if not isinstance(storage, torch.Tensor) or any(
                slot.shape != variable.shape or slot.dtype != variable.dtype or slot.host for slot in own
            ):
                return None
            kind = (storage.dtype, storage.device, None if storage.numel() < _SMALL else i)
            kinds.setdefault(kind, []).append(i)
        pieces = [Piece(engine, indices, [(values[i], *slots[i]) for i in indices]) for indices in kinds.values()]
        return cls([variable._cell[1] for variable in variables], pieces, _native(rule, len(slots[0])))

    def holds(self, variables):
        """Whether every variable still has the storage it was given here."""
        return len(self.storages) == len(variables) and all(
            variable._cell[1] is storage for variable, storage in zip(variables, self.storages)
        )

    def run(self, rule, gradients, scalars):
        native = self.native
        if native is not None and any(isinstance(value, torch.Tensor) for value in scalars.values()):
            native = None
        journal = journals.current.get()
        if journal is not None and journal.thorough:
            journal.extend((flat, flat.clone()) for piece in self.pieces for flat in piece.flats)
        for pieces, columns in self.bundles:
            gathered = [piece.gather(gradients) for piece in pieces]
            if native is None or native(gathered, columns, scalars, rule.settings) is NotImplemented:
                for gradient, piece in zip(gathered, pieces):
                    _apply(rule, gradient, piece.flats, scalars)


class Piece:
    """Some variables: ``flats`` are one vector of their values, then one for each of their slots."""

    def __init__(self, engine, indices, families):
        self.indices = indices
        self.shapes = [torch.Size(family[0].shape) for family in families]
        self.gradient = None
        if len(families) == 1:
            for variable in families[0]:
                if not variable.storage.is_contiguous():
                    variable.set_storage(engine, variable.storage.contiguous())
            self.flats = [variable.storage.view(-1) for variable in families[0]]
            return
        lengths = [shape.numel() for shape in self.shapes]
        self.flats = []
        for members in zip(*families):
            flat = torch.cat([variable.storage.reshape(-1) for variable in members])
            for variable, part, shape in zip(members, flat.split(lengths), self.shapes):
                variable.set_storage(engine, part.view(shape))
            self.flats.append(flat)
        self.gradient = torch.empty_like(self.flats[0])
        self.parts = [part.view(shape) for part, shape in zip(self.gradient.split(lengths), self.shapes)]

    def gather(self, gradients):
        """The gradients of these variables as one vector."""
        chosen = []
        for i, shape in zip(self.indices, self.shapes):
            gradient = gradients[i]
            if not isinstance(gradient, torch.Tensor):
                gradient = tensors.convert(gradient)
            if gradient.shape != shape:
                raise ValueError(f"A gradient has the shape {tuple(gradient.shape)}, its variable {tuple(shape)}.")
            chosen.append(gradient.detach() if gradient.requires_grad else gradient)
        if self.gradient is None:
            return chosen[0].to(self.flats[0].dtype).reshape(-1)
        torch._foreach_copy_(self.parts, chosen)
        return self.gradient


def _apply(rule, gradient, flats, scalars):
    """Run the rule as it is written, in place, chunk by chunk."""
    size = _CHUNK if gradient.device.type == "cpu" else max(gradient.numel(), 1)
    with entered(get_frame().child(autocast=None)):
        for g, *held in zip(gradient.split(size), *(flat.split(size) for flat in flats)):
            value, slots = rule(g, held[0], tuple(held[1:]), scalars)
            for old, new in zip(held, (value, *slots), strict=True):
                if new is not old:
                    old.copy_(new)


# -- the same mathematics in one kernel or a few, by the rule's name, for lists of tensors


def _adam(gradients, columns, scalars, settings):
    beta_1, beta_2, epsilon, amsgrad = settings
    values, first, second, *largest = columns
    alpha = float(scalars["alpha"])
    keep = scalars.get("keep", 1.0)
    if keep != 1.0 and alpha == 0.0:
        return NotImplemented
    # At the step "infinity" torch corrects no bias: alpha has that in it already.
    step = tensors.scalar(float("inf"), torch.float32, values[0].device)
    torch._fused_adamw_(
        values, gradients, first, second, largest[0] if amsgrad else [], [step] * len(values),
        lr=alpha, beta1=beta_1, beta2=beta_2, weight_decay=0.0 if keep == 1.0 else (1.0 - keep) / alpha,
        eps=epsilon, amsgrad=amsgrad, maximize=False,
    )  # fmt: skip


def _sgd(gradients, columns, scalars, settings):
    momentum, nesterov = settings
    values, *slots = columns
    step = -float(scalars["lr"])
    if "keep" in scalars:
        torch._foreach_mul_(values, scalars["keep"])
    if not slots:
        torch._foreach_add_(values, gradients, alpha=step)
        return
    (velocities,) = slots
    torch._foreach_mul_(velocities, momentum)
    torch._foreach_add_(velocities, gradients, alpha=step)
    if nesterov:
        torch._foreach_add_(values, velocities, alpha=momentum)
        torch._foreach_add_(values, gradients, alpha=step)
    else:
        torch._foreach_add_(values, velocities)


_NATIVE = {"adam": _adam, "adam_w": _adam, "adamw": _adam, "sgd": _sgd}


def _native(rule, slots):
    """torch's own way for this rule, if it has one and gives the same on a trial."""
    native = _NATIVE.get(getattr(rule, "name", "").removesuffix("_decayed"))
    if native is None:
        return None
    generator = torch.Generator().manual_seed(0)
    trial = [torch.rand(8, generator=generator, dtype=torch.float64) + 0.1 for _ in range(slots + 2)]
    scalars = {"alpha": 0.01, "lr": 0.01} | ({"keep": 0.99} if rule.name.endswith("_decayed") else {})
    try:
        expected = [x.clone() for x in trial]
        _apply(rule, expected[0], expected[1:], scalars)
        if native(trial[:1], [[x] for x in trial[1:]], scalars, rule.settings) is NotImplemented:
            return None
    except (KeyError, TypeError, ValueError):  # a rule of the same name with other slots, scalars or settings
        return None
    return native if all(map(torch.allclose, expected, trial)) else None
