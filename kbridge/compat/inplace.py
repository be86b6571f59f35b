"""``x += y`` on tensors, as graphs had it: a new tensor, and ``x`` elsewhere stays what it was.

Tensors of NumPy and PyTorch are changed in place by it, under the hands of whoever else holds them. So functions that
programs hand to us have it read as ``x = x + y``.
"""

import dis
import opcode
import types


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


def out_of_place(function):
    """Let ``function``, and the functions beside it that it calls, make new tensors. Returns it."""
    _rewrite(function, set())
    return function


def _rewrite(function, seen):
    function = getattr(function, "__func__", function)
    if not isinstance(function, types.FunctionType) or function in seen or _is_ours(function):
        return
    seen.add(function)
    function.__code__ = code = _rewritten(function.__code__)
    for name in _names(code):
        beside = function.__globals__.get(name)
        if isinstance(beside, types.FunctionType) and beside.__module__ == function.__module__:
            _rewrite(beside, seen)


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
    for step in dis.get_instructions(code):
        if step.opname == "BINARY_OP" and step.arg in _ARGUMENTS:
            changed[step.offset + 1] = _ARGUMENTS[step.arg]
        elif step.opcode in _OPCODES:
            changed[step.offset] = _OPCODES[step.opcode]
    constants = tuple(_rewritten(c) if isinstance(c, types.CodeType) else c for c in code.co_consts)
    if bytes(changed) == code.co_code and all(a is b for a, b in zip(constants, code.co_consts)):
        return code
    return code.replace(co_code=bytes(changed), co_consts=constants)
