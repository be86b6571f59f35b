"""What programs of Python 2 count on: its arithmetic, and its built-in names."""

import functools
import importlib
import operator
import string
import sys

import numpy as np

reduce = functools.reduce
reload = importlib.reload
intern = sys.intern
xrange = range
raw_input = input
unicode = str
basestring = str
unichr = chr
long = int
file = open


def apply(function, args=(), kwargs=None):
    return function(*args, **(kwargs or {}))


def coerce(x, y):
    return (x, y) if type(x) is type(y) else (x + type(y)(0), y + type(x)(0))


def cmp(x, y):
    return (x > y) - (x < y)


def execfile(path, globals=None, locals=None):
    from kbridge.compat import python2

    if globals is None:
        caller = sys._getframe(1)
        globals, locals = caller.f_globals, caller.f_locals
    exec(python2.of_file(path).compiled(), globals, locals)


def _whole(x):
    if isinstance(x, (int, np.integer)):
        return True
    return type(x) is np.ndarray and x.dtype.kind in "iub"


def divide(x, y):
    """``x / y``: of whole numbers, and of arrays of such, the whole part."""
    return x // y if _whole(x) and _whole(y) else x / y


def divide_in_place(x, y):
    """``x /= y``."""
    return operator.ifloordiv(x, y) if _whole(x) and _whole(y) else operator.itruediv(x, y)


def decode(text, *args, **kwargs):
    """``text.decode(...)``: what is text already stays as it is."""
    return text if isinstance(text, str) else text.decode(*args, **kwargs)


def _aged():
    """Names of the library that 2to3 does not know of."""
    string.letters, string.lowercase, string.uppercase = (
        string.ascii_letters,
        string.ascii_lowercase,
        string.ascii_uppercase,
    )
    string.maketrans = str.maketrans
    string.join = lambda words, sep=" ": sep.join(words)
    string.split = lambda text, sep=None, maxsplit=-1: text.split(sep, maxsplit)
    string.replace = lambda text, old, new, count=-1: text.replace(old, new, count)
    sys.setdefaultencoding = lambda name: None
    sys.maxint = sys.maxsize


_aged()
