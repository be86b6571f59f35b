"""Functions as Python's own bytecode, the way old programs and files of Keras keep lambdas.

Bytecode is code: whoever runs it trusts the one who made it. So only what a caller asks for in so many words comes
here: ``safe_mode=False`` in the very call, or ``func_load``.
"""

import base64
import binascii
import builtins
import dis
import inspect
import marshal
import sys
import types
from importlib import import_module

# What lambdas of old take for granted: names of the modules in which Keras ran them
_AROUND = {
    "K": "kbridge.compat.keras2.backend",
    "keras": "kbridge",
    "math": "math",
    "np": "numpy",
    "numpy": "numpy",
    "ops": "kbridge.ops",
}


_PARTS = ("code", "defaults", "closure")


class BytecodeError(ValueError):
    """A function cannot be made of some bytecode: why."""


def dumped(function):
    """``function`` as text, and its defaults and what it closes over: what ``loaded`` takes."""
    text = base64.encodebytes(marshal.dumps(function.__code__)).decode("ascii")
    cells = function.__closure__
    return text, function.__defaults__, cells and tuple(cell.cell_contents for cell in cells)


def loaded(text, defaults=None, closure=None, find=lambda name: None):
    """The function that ``dumped`` made a text of, in this version of Python.

    The names it uses are those that ``find`` knows, those of the program, and a few that such functions take for
    granted (``K``, ``np``).
    """
    code = _code(text)
    if not all(value is None or isinstance(value, (list, tuple)) for value in (defaults, closure)):
        raise BytecodeError(f"its defaults, or what it closes over, are no list: {str((defaults, closure))[:80]}.")
    if len(closure or ()) != len(code.co_freevars):
        raise BytecodeError(f"it closes over {code.co_freevars}, and has {len(closure or ())} values for them.")
    used = _globals(code)
    around = {**vars(sys.modules["__main__"]), **{name: found for name in used if (found := find(name)) is not None}}
    around.update({name: import_module(_AROUND[name]) for name in used & _AROUND.keys() - around.keys()})
    if missing := sorted(used - around.keys() - vars(builtins).keys()):
        known = ", ".join(f"{name!r}: ..." for name in missing)
        raise BytecodeError(f"it uses {', '.join(missing)}. Say what that is: custom_objects={{{known}}}.")
    cells = tuple(map(types.CellType, closure or ()))
    return types.FunctionType(code, around, code.co_name, defaults and tuple(defaults), cells)


def described(config, find):
    """The function that a file describes: ``[code, defaults, closure]``, or a dict of these as in Keras 3."""
    parts = _parts(config)
    if not isinstance(parts, (list, tuple)) or len(parts) != 3:
        raise BytecodeError("it is no list of a code, its defaults, and what it closes over.")
    return loaded(*parts, find)


def is_told(config):
    """Whether such a description says what the function does, and not only that there is one."""
    parts = _parts(config)
    return not isinstance(parts, (list, tuple)) or any(parts[:1])


def _parts(config):
    if isinstance(config, dict):
        return config["value"] if "value" in config else [config.get(part) for part in _PARTS]
    return config


def with_functions(config, find):
    """``config`` with functions in the place of the lambdas that it describes."""
    if isinstance(config, (list, tuple)):
        return type(config)(with_functions(item, find) for item in config)
    if not isinstance(config, dict):
        return config
    if config.get("class_name") == "__lambda__":
        return described(config.get("config"), find)
    return {key: with_functions(value, find) for key, value in config.items()}


def _code(text):
    if not isinstance(text, str) or not text:
        raise BytecodeError("the file says that there is a function, and not what it does.")
    try:
        data = base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        data = text.encode("raw_unicode_escape")  # as Keras wrote it before 2.0.7
    try:
        code = marshal.loads(data)
    except (EOFError, ValueError, TypeError, MemoryError):
        code = None
    if not isinstance(code, types.CodeType) or not _runs_here(code):
        version = ".".join(map(str, sys.version_info[:2]))
        raise BytecodeError(f"it is bytecode of another version of Python than this ({version}), which cannot run it.")
    return code


def _runs_here(code):
    """Whether ``code`` can be of this version of Python, which others' would crash.

    Each version has instructions of its own, with gaps of its own behind them. Read as another's they do not begin as
    functions do, are unknown, or take from an empty stack.
    """
    try:
        steps = list(dis.get_instructions(code))
        fits = any(step.opname == "RESUME" for step in steps) and _stack_fits(code, steps)
    except (IndexError, ValueError, KeyError, TypeError):  # there is no such instruction, constant, or name
        return False
    return fits and all(_runs_here(inner) for inner in code.co_consts if isinstance(inner, types.CodeType))


# What no instruction follows in the order of the code
_LEAVING = ("RETURN_VALUE", "RETURN_CONST", "RAISE_VARARGS", "RERAISE", "JUMP_FORWARD", "JUMP_BACKWARD")
_LEAVING += ("JUMP_BACKWARD_NO_INTERRUPT",)


def _stack_fits(code, steps):
    """Whether each instruction that is reached is known, and finds on the stack what it takes."""
    if code.co_flags & (inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR):
        return True  # these begin with something on the stack that no instruction has put there
    following = {step.offset: after.offset for step, after in zip(steps, steps[1:])}
    steps = {step.offset: step for step in steps}
    depths, reached = {}, [(0, 0)]
    while reached:
        place, depth = reached.pop()
        if place in depths and depths[place] == depth:
            continue
        step = steps[place]
        unknown = step.opname == "CACHE" or step.opname.startswith("<")
        if unknown or place in depths or not 0 <= depth <= code.co_stacksize:
            return False
        depths[place] = depth
        if step.opname == "RETURN_VALUE" and depth != 1:
            return False
        if step.opcode in dis.hasjrel or step.opcode in dis.hasjabs:
            reached.append((step.argval, depth + dis.stack_effect(step.opcode, step.arg, jump=True)))
        if step.opname not in _LEAVING:
            reached.append((following[place], depth + dis.stack_effect(step.opcode, step.arg, jump=False)))
    return True


def _globals(code):
    """The global names that ``code`` uses."""
    found = {step.argval for step in dis.get_instructions(code) if step.opname in ("LOAD_GLOBAL", "LOAD_NAME")}
    return found.union(*(_globals(inner) for inner in code.co_consts if isinstance(inner, types.CodeType)))
