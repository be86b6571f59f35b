"""Programs of Python 2, converted in memory; each line keeps its number.

2to3's fixers (``lib2to3``, or the package ``fissix``) rewrite the syntax and the names that
moved. What they leave is done on the syntax tree, which shows in no line: whole numbers
divided as they were then, pickles of Python 2, names that are gone.
"""

import ast
import builtins
import functools
import importlib
import logging
import os
import re
import sys
import warnings
from importlib.machinery import PathFinder, SourceFileLoader
from importlib.util import decode_source

_EXTRA = "kbridge[py2]"
VARIABLE = "KBRIDGE_PYTHON2"  # set where a program of Python 2 runs, for the processes that it starts
# Fixers that are about taste, or that wait for one of ours.
_WITHOUT = {"buffer", "idioms", "set_literal", "ws_comma", "asserts", "reduce", "intern", "reload", "future"}
# Built-in names of Python 2 and modules of its library: a program that counts on them is written for it.
_NAMES = frozenset(
    "xrange raw_input unicode unichr basestring long execfile reduce cmp apply coerce file intern reload".split()
)
# Of these, programs for Python 3 define or import some themselves, mostly by other means than a name in the file.
_SURE_NAMES = _NAMES - {"file", "long", "reload", "intern", "apply", "coerce", "cmp"}
_SURE_MODULES = frozenset(
    "cPickle cStringIO StringIO urllib2 urlparse ConfigParser Queue Tkinter HTMLParser httplib cookielib "
    "__builtin__ commands copy_reg SocketServer anydbm md5 sets thread".split()
)
_SURE_METHODS = frozenset("iteritems itervalues iterkeys has_key".split())


class CannotConvertError(ImportError):
    """A program of Python 2, and nothing here that can convert it."""


class Source:
    """The text of a program, and how Python is to read it."""

    def __init__(self, path, data, main=True):
        self.path, self.data, self.main = path, data, main

    @functools.cached_property
    def text(self):
        try:
            return decode_source(self.data)
        except (SyntaxError, UnicodeDecodeError):  # Python 2 did not mind what the bytes in comments mean
            return self.data.decode("latin-1").replace("\r\n", "\n")

    @functools.cached_property
    def modern(self):
        """Its syntax tree, where it is one of Python 3; else None."""
        try:
            return parsed(self.data, self.path)
        except (SyntaxError, ValueError):
            return None

    @functools.cached_property
    def why_old(self):
        """(line, what is there) where the program is one of Python 2; else None."""
        return _old_syntax(self) if self.modern is None else _old_names(self.modern)

    @functools.cached_property
    def tree(self):
        """Its syntax tree, converted if need be; None where there is no sense in it."""
        if self.why_old is None:
            return self.modern
        try:
            return self._converted
        except (SyntaxError, CannotConvertError):
            return None

    @functools.cached_property
    def _converted(self):
        return converted(self)

    def compiled(self):
        """Its code. Errors are those that Python has with it."""
        return compile(self.data if self.why_old is None else self._converted, self.path, "exec", dont_inherit=True)

    @property
    def note(self):
        """What is said of a program of Python 2."""
        line, what = self.why_old
        return f"kbridge: {os.path.basename(self.path)} runs converted from Python 2 ({what}, line {line})"


def parsed(text, path="<unknown>"):
    """The syntax tree of a text, or of bytes, in Python 3."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they come again when it is compiled
        return ast.parse(text, path)


def of_file(path):
    """The Source in a file."""
    with open(path, "rb") as file:
        return Source(path, file.read())


# -- telling


_STATEMENTS = (
    (re.compile(r"^\s*print\s+[^\s(=.,\[]"), "print without parentheses"),
    (re.compile(r"^\s*print\s*>>"), "print >>file"),
    (re.compile(r"^\s*except\s+[\w.()\s,]+\s*,\s*\w+\s*:"), "except Error, name"),
    (re.compile(r"^\s*raise\s+\w+\s*,"), "raise Error, text"),
    (re.compile(r"^\s*exec\s+[^(\s=]"), "exec without parentheses"),
    (re.compile(r"<>"), "<>"),
    (re.compile(r"\b0[0-7]+\b|\b\d+[lL]\b|\b0[xX][0-9a-fA-F]+[lL]\b"), "a number as Python 2 writes it"),
    (re.compile(r"`[^`]+`"), "backticks"),
    (re.compile(r"\bur['\"]"), "ur'...'"),
    (re.compile(r"^\s*print\b"), "print without parentheses"),
)


def _old_syntax(source):
    """Where the syntax is that of Python 2. Whether it really is one, the conversion finds out."""
    try:
        parsed(source.data, source.path)
    except (SyntaxError, ValueError) as error:
        at = getattr(error, "lineno", None) or 1
    lines = source.text.split("\n")
    for pattern, what in _STATEMENTS:  # where Python stumbles, first
        if at <= len(lines) and pattern.search(lines[at - 1]):
            return at, what
    for number, line in enumerate(lines, 1):
        for pattern, what in _STATEMENTS:
            if pattern.search(line):
                return number, what
    return None


def _old_names(tree):
    """(line, what) of the first name that only Python 2 has, where nothing stands in for it."""
    bound, guarded = set(), set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bound.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            bound.add(node.name)
        elif isinstance(node, ast.arg):
            bound.add(node.arg)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            names = {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
            bound |= names
            if "*" in names:
                bound |= _NAMES  # who knows
        elif isinstance(node, (ast.Try, ast.If)):  # "try: import cPickle", "if sys.version_info[0] < 3:"
            for inner in ast.walk(node):
                guarded.add(id(inner))
    found = []
    for node in ast.walk(tree):
        if id(node) in guarded:
            continue
        if isinstance(node, ast.Name) and node.id in _SURE_NAMES - bound:
            found.append((node.lineno, node.id))
        elif isinstance(node, ast.Import):
            found += [(node.lineno, f"import {a.name}") for a in node.names if a.name in _SURE_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module in _SURE_MODULES and not node.level:
            found.append((node.lineno, f"from {node.module} import"))
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _SURE_METHODS:
            found.append((node.lineno, f".{node.func.attr}()"))
    return min(found, default=None)


# -- converting


@functools.lru_cache(2)
def _tool(package):
    """2to3, without the fixer of imports within a package for programs that are in none."""
    for name in ("lib2to3", "fissix"):
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                refactor = importlib.import_module(f"{name}.refactor")
                fixes = importlib.import_module(f"{name}.fixes")
        except ModuleNotFoundError:
            continue
        without = _WITHOUT if package else _WITHOUT | {"import"}
        fixers = [
            fixer
            for fixer in refactor.get_fixers_from_package(fixes.__name__)
            if fixer.rpartition(".fix_")[2] not in without
        ]
        return refactor, fixers
    raise CannotConvertError(
        f'The program is written for Python 2, and this Python has no 2to3 to convert it. Write: pip install "{_EXTRA}"'
    )


def _refactored(source):
    """The text in Python 3, and for each of its lines the line it comes from."""
    refactor, fixers = _tool(not source.main)
    text = source.text if source.text.endswith("\n") else source.text + "\n"
    # 2to3 reads print as a statement first, and programs that have both are read with print as a function
    for options in ({}, {"print_function": True}):
        tool = refactor.RefactoringTool(fixers, options)
        try:
            tree = tool.refactor_string(text, source.path)
        except Exception as error:  # its parser has errors of its own
            failed = error
            continue
        lines, here = {}, 1
        for leaf in tree.leaves():
            here += leaf.prefix.count("\n")
            if leaf.lineno:
                lines.setdefault(here, leaf.lineno)
            here += leaf.value.count("\n")
        return str(tree), lines
    raise failed


def refactored(source):
    """The text of a program of Python 2 in Python 3, as 2to3 writes it."""
    return _refactored(source)[0]


def converted(source):
    """The syntax tree of a program of Python 2, in Python 3. SyntaxError as Python 3 has it, where it is neither."""
    try:
        for name in ("RefactoringTool", "lib2to3.driver", "fissix.pgen2.driver"):
            logging.getLogger(name).setLevel(logging.ERROR)
        text, lines = _refactored(source)
        tree = parsed(text, source.path)
    except CannotConvertError:
        raise
    except Exception as failed:
        try:
            compile(source.data, source.path, "exec", dont_inherit=True)
        except SyntaxError as error:  # what Python says of it
            raise error from None
        raise SyntaxError(f"{source.path} is written for Python 2 and cannot be converted: {failed}") from failed
    return _numbered(ast.fix_missing_locations(_Semantics(tree).visit(tree)), lines)


def _numbered(tree, lines):
    """The tree with the numbers of the lines that were written, and no columns: those are of the converted text."""
    known, last = {}, 1
    for line in range(1, max(lines, default=1) + 1):
        known[line] = last = lines.get(line, last)
    for node in ast.walk(tree):
        if hasattr(node, "lineno"):
            node.lineno = known.get(node.lineno, last)
            node.end_lineno = max(node.lineno, known.get(node.end_lineno, last))
            node.col_offset = node.end_col_offset = -1
    return tree


class _Semantics(ast.NodeTransformer):
    """What a program of Python 2 means where Python 3 reads the same text in another way."""

    def __init__(self, tree):
        self.true_division = any(
            isinstance(node, ast.ImportFrom)
            and node.module == "__future__"
            and any(alias.name == "division" for alias in node.names)
            for node in ast.walk(tree)
        )
        self.temporaries = 0
        self.names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}

    def visit_Module(self, node):
        self.generic_visit(node)
        start = 0
        for statement in node.body:  # a docstring and what is imported from __future__ come first
            text = isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant)
            if not (text or (isinstance(statement, ast.ImportFrom) and statement.module == "__future__")):
                break
            start += 1
        first = ast.parse("import kbridge.compat.python2_names as __python2__").body
        wanted = sorted(self.names & _given() - _bound(node))
        if wanted:
            first += ast.parse(f"from kbridge.compat.python2_names import {', '.join(wanted)}").body
        for statement in first:
            for inner in ast.walk(statement):
                inner.lineno = inner.end_lineno = 1
                inner.col_offset = inner.end_col_offset = 0
        node.body[start:start] = first
        return node

    def _call(self, name, *arguments, at):
        function = ast.Attribute(ast.Name("__python2__", ast.Load()), name, ast.Load())
        return ast.copy_location(ast.Call(function, list(arguments), []), at)

    def visit_BinOp(self, node):
        self.generic_visit(node)
        if isinstance(node.op, ast.Div) and not self.true_division and not _is_float(node.left, node.right):
            return self._call("divide", node.left, node.right, at=node)
        return node

    def visit_AugAssign(self, node):
        self.generic_visit(node)
        if not isinstance(node.op, ast.Div) or self.true_division or _is_float(node.value):
            return node
        read, write = self._once(node.target)
        return ast.copy_location(ast.Assign([write], self._call("divide_in_place", read, node.value, at=node)), node)

    def _once(self, target):
        """The expressions that read and then write ``target``, whose parts are evaluated once."""
        if isinstance(target, ast.Name):
            return ast.Name(target.id, ast.Load()), target
        first, again = self._kept(target.value)
        if isinstance(target, ast.Attribute):
            return ast.Attribute(first, target.attr, ast.Load()), ast.Attribute(again, target.attr, ast.Store())
        key, key_again = (
            self._kept(target.slice)
            if not isinstance(target.slice, (ast.Slice, ast.Tuple))
            else (
                target.slice,
                target.slice,
            )
        )
        return ast.Subscript(first, key, ast.Load()), ast.Subscript(again, key_again, ast.Store())

    def _kept(self, node):
        if isinstance(node, (ast.Name, ast.Constant)):
            return node, node
        self.temporaries += 1
        name = f"__python2_{self.temporaries}"
        return ast.NamedExpr(ast.Name(name, ast.Store()), node), ast.Name(name, ast.Load())

    def visit_Import(self, node):
        for alias in node.names:
            if alias.name == "pickle":
                alias.name, alias.asname = "kbridge.compat.python2_pickle", alias.asname or "pickle"
        return node

    def visit_ImportFrom(self, node):
        if node.module == "pickle" and not node.level:
            node.module = "kbridge.compat.python2_pickle"
        return node

    def visit_Call(self, node):
        self.generic_visit(node)
        function = node.func
        if isinstance(function, ast.Attribute) and function.attr == "decode" and len(node.args) <= 2:
            node.func = ast.copy_location(
                ast.Attribute(ast.Name("__python2__", ast.Load()), "decode", ast.Load()), function
            )
            node.args.insert(0, function.value)
        return node


def _is_float(*nodes):
    return any(isinstance(node, ast.Constant) and isinstance(node.value, float) for node in nodes)


def _bound(tree):
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            found.add(node.id)
        elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, (ast.Import, ast.ImportFrom)):
            found |= {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    return found


def _given():
    return {name for name in _NAMES if not hasattr(builtins, name)} | {"unicode", "long"}


# -- the modules that such a program imports, and the processes that it starts


def run_path(original, path, init_globals=None, run_name=None):
    """``runpy.run_path``, which is ``original``, for programs of Python 2, too: multiprocessing reads them again."""
    source = of_file(path)
    if source.why_old is None:
        return original(path, init_globals, run_name)
    names = {**(init_globals or {}), "__name__": run_name, "__file__": path, "__builtins__": builtins}
    exec(source.compiled(), names)
    return names


def read_old_modules(source, folder=None):
    """Let the modules beside the program be ones of Python 2, too; and its child processes, if it is one itself."""
    if folder is None:
        folder = "." if source is None or source.path[:1] == "<" else os.path.dirname(os.path.abspath(source.path))
    if source is not None and source.why_old is not None:
        os.environ[VARIABLE] = "1"
    _Finder.folders.add(os.path.join(os.path.realpath(folder), ""))
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(1, _Finder)


class _Loader(SourceFileLoader):
    """A loader of modules that may be written for Python 2."""

    def get_code(self, fullname):
        path = self.get_filename(fullname)
        try:
            code = super().get_code(fullname)
            if not _may_be_old(path):
                return code
        except SyntaxError:
            code = None
        source = Source(path, self.get_data(path), main=fullname == "__main__")
        if source.why_old is None:
            return source.compiled() if code is None else code  # the error again
        compiled = source.compiled()
        print(source.note, file=sys.stderr)
        return compiled


def _may_be_old(path):
    with open(path, "rb") as file:
        text = file.read()
    return any(word.encode() in text for word in (*_SURE_NAMES, *_SURE_MODULES, *_SURE_METHODS))


class _Finder:
    """Finds modules below the folders of programs, for ``_Loader``."""

    folders = set()

    @classmethod
    def find_spec(cls, name, path=None, target=None):
        if not cls._may_have(name.rpartition(".")[2], path):
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or not cls._is_below(spec.origin):
            return None
        spec.loader = _Loader(spec.loader.name, spec.loader.path)
        return spec

    @classmethod
    def _may_have(cls, last, path):
        """Whether to look at all: most imports are of other folders, and cheaply told."""
        if path is not None:
            return any(cls._is_below(entry) for entry in path)
        places = [os.path.join(folder, last) for folder in cls.folders]
        return any(os.path.isfile(place + ".py") or os.path.isdir(place) for place in places)

    @classmethod
    def _is_below(cls, path):
        path = os.path.realpath(path) + os.sep
        return path.startswith(tuple(cls.folders)) and f"{os.sep}site-packages{os.sep}" not in path
