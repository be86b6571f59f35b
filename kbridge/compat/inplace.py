"""``x += y`` on tensors, as graphs had it: a new tensor, and ``x`` elsewhere stays what it was.

Tensors of NumPy and PyTorch are changed in place by it, under the hands of whoever else holds them. So functions that
programs hand to us have it read as ``x = x + y``.
"""

import dis
import opcode
import types
from functools import partial


def _places():
    """(operations of ``BINARY_OP`` in place -> the same without, opcodes likewise), as this Python has them."""
    names = [name for name, *_ in getattr(opcode, "_nb_ops", ())]
    arguments = {
        i: names.index(name.replace("INPLACE_", ""))
        for i, name in enumerate(names)
        if "INPLACE_" in name and name.replace("INPLACE_", "") in names
    }
    opcodes = {
        code: dis.opmap[name.replace("INPLACE_", "BINARY_")]
        for name, code in dis.opmap.items()
        if name.startswith("INPLACE_") and name.replace("INPLACE_", "BINARY_") in dis.opmap
    }
    return arguments, opcodes


_ARGUMENTS, _OPCODES = _places()


# what puts a new list on the stack
_MAKES_LIST = {"BUILD_LIST", "LIST_EXTEND", "LIST_APPEND"}
_ADD = next((i for i, name in enumerate(getattr(opcode, "_nb_ops", ())) if name[0] == "NB_INPLACE_ADD"), None)


def out_of_place(function):
    """Let ``function``, and the functions beside it that it calls, make new tensors. Returns it.

    Of an object that is called as a function, all methods are meant; what is neither is left alone.
    """
    seen = set()
    for one in _functions_of(function):
        if _knows_us(one):
            _rewrite(one, seen)
    return function


def _functions_of(given):
    while isinstance(given, partial):
        given = given.func
    if isinstance(given, types.MethodType):
        given = given.__func__
    if isinstance(given, types.FunctionType):
        return [given]
    if isinstance(given, type) or not callable(given):
        return []
    return [one for cls in type(given).__mro__ for one in vars(cls).values() if isinstance(one, types.FunctionType)]


def _knows_us(function):
    """Whether it is of a program, or of a library for Keras: others are not for us to change."""
    return function.__module__ == "__main__" or any(
        _root(getattr(value, "__name__" if isinstance(value, types.ModuleType) else "__module__", None)) in _NAMES
        for value in list(function.__globals__.values())
    )


_NAMES = ("keras", "kbridge")


def _root(name):
    return name.partition(".")[0] if isinstance(name, str) else None


def _rewrite(function, seen):
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function in seen or _is_ours(function):
        return
    seen.add(function)
    function.__code__ = code = _rewritten(function.__code__)
    beside = [function.__globals__.get(name) for name in _names(code)]
    for cell in function.__closure__ or ():
        try:
            beside.append(cell.cell_contents)
        except ValueError:  # it is not filled yet
            continue
    for one in beside:
        if isinstance(one, types.FunctionType) and one.__module__ == function.__module__:
            _rewrite(one, seen)


def _is_ours(function):
    return (function.__module__ or "").partition(".")[0] == "kbridge"


def _names(code):
    found = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, types.CodeType):
            found |= _names(constant)
    return found


def _rewritten(code):
    changed = bytearray(code.co_code)
    steps = list(dis.get_instructions(code))
    lists = {after.argval for step, after in zip(steps, steps[1:]) if step.opname in _MAKES_LIST and _stores(after)}
    for i, step in enumerate(steps):
        if _adds_to_list(steps, i, lists):
            continue
        if step.opname == "BINARY_OP" and step.arg in _ARGUMENTS:
            changed[step.offset + 1] = _ARGUMENTS[step.arg]
        elif step.opcode in _OPCODES:
            changed[step.offset] = _OPCODES[step.opcode]
    constants = tuple(_rewritten(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    if bytes(changed) == code.co_code and all(a is b for a, b in zip(constants, code.co_consts)):
        return code
    return code.replace(co_code=bytes(changed), co_consts=constants)


def _stores(step):
    return step.opname.startswith("STORE_") and isinstance(step.argval, str)


def _adds_to_list(steps, i, lists):
    """Whether the step is a ``+=`` to what began as a list here, or of a list or tuple that is written there."""
    step, before = steps[i], steps[i - 1]
    if step.opname != "INPLACE_ADD" and (step.opname != "BINARY_OP" or step.arg != _ADD):
        return False
    if before.opname == "BUILD_TUPLE" or before.opname in _MAKES_LIST or isinstance(before.argval, tuple):
        return True
    after = next((s for s in steps[i + 1 :] if s.opname != "CACHE"), None)
    return after is not None and _stores(after) and after.argval in lists
