"""What is said where a module or a name of ``keras`` is not found: what it may have been meant to be."""

import importlib
import importlib.util
import pkgutil
import re
from difflib import get_close_matches

from kbridge.compat import alias

# What none of the generations here has, and what to write instead.
GONE = {
    "keras.src": "It is internal to the package keras. Write the public name, such as keras.layers.Layer",
    "keras.layers.containers": "It is of Keras 0. Write from keras.models import Sequential",
    "keras.utils.theano_utils": "It is of Keras 0. Write from keras import backend as K, and K.variable or K.zeros",
    "keras.utils.dot_utils": "It is of Keras 0. Write from keras.utils.visualize_util import plot",
    "keras.contrib": "It has never been a part of Keras. Install the package that brings it",
    "keras.applications.music_tagger_crnn": "Its weights are no longer published",
}
# Names that are older than Keras 1.2, and what to write instead.
GONE_NAMES = {
    "Graph": "It is of Keras 0. Write Model(input=[...], output=[...]) on what layers give for Input(...)",
    "AutoEncoder": "It is of Keras 0. Write a Sequential of the encoder and the decoder",
    "Siamese": "It is of Keras 0. Call one layer, or one model, on each of the inputs",
    "LambdaMerge": "It is of Keras 0. Write merge([...], mode=function)",
    "TimeDistributedMerge": "It is of Keras 0. Write Lambda(lambda x: K.mean(x, axis=1)), or K.sum",
    "MaskedLayer": "It is of Keras 0. Write Layer, and in __init__: self.supports_masking = True",
    "SiameseHead": "It is of Keras 0. Call one layer, or one model, on each of the inputs",
    "to_graph": "It is of Keras 0. Write from keras.utils.visualize_util import model_to_dot",
    "model_summary": "It is of Keras 0. Write model.summary()",
    "JZS1": "It is of Keras 0. Write GRU",
    "JZS2": "It is of Keras 0. Write GRU",
    "JZS3": "It is of Keras 0. Write GRU",
}
# Modules that programs import beside keras, and what to write where they are not there.
BESIDE = {
    "theano": "Keras runs without Theano here. Leave the import out, and write K.dot for T.dot, K.variable for "
    "theano.shared, K.function for theano.function (from keras import backend as K)",
    "keras_contrib": "It is a package of its own, and needs the Keras that it was made for. Copy the class into the "
    "program: layers of one's own work here",
}
_PARTS = (
    "layers models backend optimizers losses objectives metrics initializers initializations regularizers constraints "
    "activations callbacks utils engine preprocessing.image preprocessing.sequence preprocessing.text applications "
    "datasets wrappers.scikit_learn ops random saving tree"
).split()
_INTERNAL = {"cli", "compat", "conformance", "lazy", "objects", "training"}


# What errors say that come of other libraries having changed, and what to write instead.
_KNOWN = (
    (
        r"No module named 'tensorflow'",
        "The program calls TensorFlow itself, which is not installed. Lines that configure it (ConfigProto, Session, "
        "set_session, set_random_seed) may be left out: kbridge does not need them. In Lambda and losses write "
        "K functions (from keras import backend as K), which run on every engine",
    ),
    (
        r"module 'tensorflow\S*' has no attribute",
        "This name is of TensorFlow 1. Lines that configure it may be left out; else write tf.compat.v1 in place of "
        "tf, or a K function (from keras import backend as K), which runs on every engine",
    ),
    (
        r"has no attribute '(as_list|get_shape|set_shape|_keras_shape)'",
        "That is asked of a tensor of TensorFlow; this one is another engine's. Write: K.int_shape(x)",
    ),
    (r"'int' object has no attribute 'value'", "Dimensions are integers. Write: x.shape[1], without .value"),
    (
        r"only (0-dimensional|length-1|size-1) arrays can be converted to Python scalars",
        "NumPy makes no number of an array with dimensions any more, even of one element. Write: float(x.item()), "
        "or name the element, as in float(model.predict(x)[0, 0])",
    ),
    (
        r"step must be greater than zero|negative step",
        "PyTorch's tensors cannot be read backwards by x[::-1]. Write, for every engine: K.reverse(x, axes=0)",
    ),
    (
        r"keep_dims|unexpected keyword argument '(dim|reduction_indices)'",
        "Arguments of TensorFlow 1 have other names now: axis=, keepdims=",
    ),
)


def known(error):
    """What an error comes of that ended a program, where that is known, and what to write instead; or None."""
    if not isinstance(error, (AttributeError, ImportError, TypeError, ValueError)):
        return None
    said = str(error)
    return next((f"{hint}." for pattern, hint in _KNOWN if re.search(pattern, said)), None)


def module(name):
    """The message for the module ``name``, which is not there."""
    said = f"No module named {name!r}"
    for gone, why in GONE.items():
        if name == gone or name.startswith(gone + "."):
            return f"{said}. {why}."
    parent, _, last = name.rpartition(".")
    close = [f"{parent}.{part}" for part in get_close_matches(last, _modules_in(parent), 2)]
    close = close or get_close_matches(name, [f"keras.{part}" for part in _PARTS if name != f"keras.{part}"], 2)
    close = [path for path in close if _is_there(path)]
    return f"{said}. {_meant(close)}" if close else said


def name(path, part, found):
    """The message for the name ``part``, which the module ``found``, imported as ``path``, does not have."""
    said = f"cannot import name {part!r} from {path!r}"
    if part in GONE_NAMES:
        return f"{said}. {GONE_NAMES[part]}."
    elsewhere = [f"from {other} import {part}" for other in _homes(part)]
    if elsewhere:
        return f"{said}. Here it is written: {elsewhere[0]}"
    names = [own for own in dir(found) if not own.startswith("_")]
    close = get_close_matches(part, names, 3, 0.7)
    if not close:  # in other capitals
        close = [own for own in names if own.lower().replace("_", "") == part.lower().replace("_", "")]
    return f"{said}. {_meant(close)}" if close else said


def of_others(error):
    """Let an error for a module that programs import beside keras say what to write instead."""
    name = (getattr(error, "name", None) or "").partition(".")[0]
    if isinstance(error, ModuleNotFoundError) and name in BESIDE and error.msg == f"No module named {error.name!r}":
        error.msg = f"{error.msg}. {BESIDE[name]}."


def attribute(path, part):
    """The message for ``path.part``, where ``path`` is a module that does not have it."""
    said = f"module {path!r} has no attribute {part!r}"
    return f"{said}. {GONE_NAMES[part]}." if part in GONE_NAMES else said


def _is_there(path):
    try:
        return importlib.util.find_spec(path) is not None
    except ImportError:
        return False


def _meant(names):
    return f"Did you mean {' or '.join(map(repr, names))}?"


def _homes(part):
    """The modules that have ``part``, the best known first."""
    for other in _PARTS:
        try:
            found = importlib.import_module(f"keras.{other}")
        except ImportError:
            continue
        if hasattr(found, part):
            yield f"keras.{other}"


def _modules_in(parent):
    own = alias.GENERATIONS[alias.generation()] + parent[len("keras") :]
    try:
        paths = importlib.import_module(own).__path__
    except (ImportError, AttributeError):
        paths = []
    found = {info.name for info in pkgutil.iter_modules(paths) if not info.name.startswith("_")} - _INTERNAL
    from kbridge.compat.paths import MOVED

    generation = own.removeprefix("kbridge.compat.").partition(".")
    inside = f"{generation[2]}." if generation[2] else ""
    for path in MOVED.get(generation[0], ()):
        if path.startswith(inside):
            found.add(path[len(inside) :].partition(".")[0])
    return found
