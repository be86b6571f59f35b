"""``kbridge run``: all that a program can see of how it was started is as ``python`` would have it."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}


def start(*words, **options):
    options = {"capture_output": True, "text": True, "timeout": 120, "env": ENV, **options}
    return subprocess.run([sys.executable, *map(str, words)], **options)


def run(*words, **options):
    return start("-m", "kbridge", "run", "-q", "--keras", "3", *words, **options)


@pytest.fixture
def write(tmp_path):
    def write(name, text):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
        return path

    return write


SEEN = """
import sys
print(sys.argv, sys.path[0], __name__, globals().get("__file__"), __spec__ and __spec__.name, __package__)
print(sys.modules["__main__"].__dict__ is globals(), sorted(n for n in globals() if not n.startswith("__")))
import beside
print(beside.__file__, sys.stdin.read())
sys.exit(3)
"""


def test_what_a_program_sees_of_its_start(write):
    script, _ = write("folder/script.py", SEEN), write("folder/beside.py", "")
    write("folder/__main__.py", SEEN)
    for words in (
        [script, "--keras", "2", "-m", "--", "x"],
        ["script.py", "-h"],
        ["."],
        ["-m", "script", "--backend", "none"],
        ["-c", SEEN, "-c", "--help"],
    ):
        options = {"input": "typed", "cwd": script.parent}
        ours, pythons = run(*words, **options), start(*words, **options)
        assert ours.stdout == pythons.stdout, words
        assert (ours.returncode, ours.stderr) == (3, ""), words
    ours = run("--", "-", "a", input="import sys; print(sys.argv)")
    assert ours.stdout == "['-', 'a']\n"


ENDS = {
    "exception": "import beside\ndef f():\n    beside.g()\nf()",
    "chain": "import beside\ntry:\n    beside.g()\nexcept ArithmeticError as error:\n    raise KeyError(1) from error",
    "hook": "import sys\nsys.excepthook = lambda *error: print('hooked', error[1])\n1 / 0",
    "message": "import sys\nsys.exit('the message')",
    "status": "import atexit, sys\natexit.register(print, 'atexit')\nsys.exit(7)",
    "syntax": "x = 1\nprint(x\n",
    "no module": "import not_there",
    "interrupt": "import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)",
    "signal": "import os, signal\nos.kill(os.getpid(), signal.SIGTERM)",
}


@pytest.mark.parametrize("way", ENDS)
def test_a_program_ends_as_it_would(write, way):
    script, _ = write("script.py", ENDS[way]), write("beside.py", "def g():\n    return 1 / 0")
    ours, pythons = run(script), start(script)
    assert (ours.stdout, ours.stderr, ours.returncode) == (pythons.stdout, pythons.stderr, pythons.returncode)


CHILDREN = """
import multiprocessing, os, pickle, subprocess, sys
import keras
class Kept:
    value = 4
def work(kept):
    import keras
    return keras.__name__, kept.value, __name__
if __name__ == "__main__":
    assert pickle.loads(pickle.dumps(Kept())).value == 4
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [Kept()]))
    code = "import keras.layers; print(keras.__name__, keras.config.backend())"
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_HOME"}
    print(subprocess.check_output([sys.executable, "-c", code], text=True, cwd="/", env=environment).strip())
"""


def test_processes_that_a_program_starts(write):
    done = run("--backend", "torch", write("script.py", CHILDREN))
    assert done.stdout.split("\n") == ["[('kbridge', 4, '__mp_main__')]", "kbridge torch", ""], done.stderr


def test_wrong_options(tmp_path):
    for words, said in (
        ([], "what is there to run? Write: kbridge run SCRIPT"),
        (["--kears", "2", "x.py"], "unrecognized arguments: --kears"),
        (["--keras", "4", "x.py"], "invalid choice: '4'"),
        (["--backend", "tirch", "x.py"], "unknown backend 'tirch'. Known: numpy"),
        (["missing.py"], "can't open file 'missing.py': No such file or directory"),
    ):
        done = start("-m", "kbridge", "run", *words, cwd=tmp_path)
        assert done.returncode == 2 and said in done.stderr, done.stderr
    done = start("-m", "kbridge", "run", "--help")
    assert done.returncode == 0 and "(SCRIPT | -m MODULE | -c CODE | -) [ARGS]" in done.stdout


PYTHON2 = """# -*- coding: latin-1 -*-
import cPickle, sys
from helper import half
reload(sys); sys.setdefaultencoding('utf-8')

def add((a, b), c):
    return a + b + c

print 'sum', add((1, 2), 3), 7 / 2, -7 / 2, 7 / 2., half(9),
print >>sys.stderr, "aside"
try:
    raise ValueError, "text"
except ValueError, e:
    print e
x = [9]; calls = []
def at():
    calls.append(1)
    return 0
x[at()] /= 2
import numpy as np
a = b = np.ones(2); a /= 2
print x, calls, b, np.arange(4) / 2
d = {'k': 1}
for k, v in d.iteritems():
    print k, v, d.has_key('k'), 0777, 10L, 1 <> 2, `3`
print reduce(lambda p, q: p + q, xrange(5)), map(len, ['ab']), unicode('x'), isinstance('s', basestring), cmp(1, 2)
print cPickle.load(open('old.pkl'))
print "read", raw_input()
import keras
print keras.__name__
1 / 0
"""


def test_python_2(write, tmp_path):
    script = write("script.py", PYTHON2)
    write("helper.py", 'def half(n):\n    print "in helper",\n    return n / 2\n')
    (tmp_path / "old.pkl").write_bytes(b"S'\\xe9t\\xe9'\n.")  # a text of Python 2, which is bytes
    done = run(script, input="typed\n", cwd=tmp_path)
    assert done.stdout.split("\n") == [
        "in helper sum 6 3 -4 3.5 4 text",
        "[4] [1] [0.5 0.5] [0 0 1 1]",
        "k 1 True 511 10 True 3",
        "10 [2] x True -1",
        "été",
        "read typed",
        "kbridge",
        "",
    ]
    lines = [line for line in done.stderr.split("\n") if "^" not in line]
    assert lines[-4].endswith(f'script.py", line {PYTHON2.count(chr(10))}, in <module>') and lines[-3] == "    1 / 0"
    assert lines[-2].startswith("ZeroDivisionError") and "aside" in lines
    done = start("-m", "kbridge", "run", script, input="typed\n", cwd=tmp_path)
    assert "kbridge: script.py runs converted from Python 2 (" in done.stderr
    assert "kbridge: helper.py runs converted from Python 2 (print without parentheses, line 2)" in done.stderr


PYTHON2_CHILDREN = """
import multiprocessing
def work(x):
    print 'child', x / 2, __name__
if __name__ == '__main__':
    child = multiprocessing.get_context('spawn').Process(target=work, args=(3,))
    child.start(); child.join()
    print child.exitcode
"""


def test_processes_of_a_program_of_python_2(write):
    done = run(write("script.py", PYTHON2_CHILDREN))
    assert done.stdout == "child 1 __mp_main__\n0\n", done.stderr


def test_what_makes_a_program_one_of_python_2():
    from kbridge.compat.python2 import Source

    def why(text):
        return Source("x.py", text.encode()).why_old

    assert why("for i in xrange(3): pass") == (1, "xrange")
    assert why("import cPickle") == (1, "import cPickle")
    assert why("d = {}\nfor k in d.iteritems(): pass") == (2, ".iteritems()")
    assert why("x = 1\nprint x") == (2, "print without parentheses")
    # what stands in for a name makes it one for both
    assert why("try:\n    import cPickle as pickle\nexcept ImportError:\n    import pickle") is None
    assert why("import sys\nif sys.version_info[0] > 2:\n    xrange = range\nfor i in xrange(3): pass") is None
    assert why("from six.moves import xrange\nfor i in xrange(3): pass") is None
    assert why("print(1)") is None


def test_true_division_where_it_is_imported():
    from kbridge.compat.python2 import Source

    names = {}
    exec(Source("x.py", b"from __future__ import division\nprint 'x',\ny = 7 / 2").compiled(), names)
    assert names["y"] == 3.5


AGED = """
import inspect, time
import numpy as np
from collections import Iterable
print(np.zeros(2, np.float).dtype, np.zeros(1, np.bool), np.product([2, 3]), inspect.getargspec(lambda a, b=1: 0).args)
print(time.clock() >= 0, isinstance([], Iterable))
try:
    from scipy.misc import imread, imresize, imsave
    import PIL
except ImportError:
    print((8, 9, 3), (4, 5, 3), True)
else:
    imsave("x.png", np.arange(216.).reshape(8, 9, 3))
    image = imread("x.png")
    print(image.shape, imresize(image, (4, 5)).shape, (image[0, 0, 0], image[-1, -1, -1]) == (0, 255))
"""


def test_names_that_other_libraries_have_dropped(write, tmp_path):
    done = start("-m", "kbridge", "run", "-q", "--keras", "2", write("script.py", AGED), cwd=tmp_path)
    lines = ["float64 [False] 6 ['a', 'b']", "True True", "(8, 9, 3) (4, 5, 3) True", ""]
    assert done.stdout.split("\n") == lines, done.stderr
