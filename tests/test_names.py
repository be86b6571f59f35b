"""Every public name of Keras 3 is here, with its arguments, but for those that are listed with a reason."""

import importlib
import inspect
import pkgutil

import pytest
from oracle import keras

import kbridge

LATER = "left for later, and refused with a clear error where it is asked for"

# module (or module.name) -> why it is not here
LEFT = {
    "export": LATER,
    "quantizers": LATER,
}


def public_modules():
    """The names of Keras's public modules, without "keras."."""
    found = [""]
    for module in pkgutil.walk_packages(keras.__path__, "keras."):
        name = module.name.removeprefix("keras.")
        if not name.startswith(("src", "_", "tools")) and "._" not in name:
            found.append(name)
    return [name for name in found if name.partition(".")[0] not in LEFT]


def own(name):
    return importlib.import_module(f"kbridge.{name}") if name else kbridge


@pytest.mark.parametrize("module", public_modules())
def test_names_and_arguments(module):
    theirs = importlib.import_module(f"keras.{module}") if module else keras
    missing, differing = [], []
    for name, value in vars(theirs).items():
        path = f"{module}.{name}".lstrip(".")
        if name.startswith("_") or inspect.ismodule(value) or path in LEFT or name in LEFT:
            continue
        try:
            mine = getattr(own(module), name)
        except (AttributeError, ModuleNotFoundError):
            missing.append(path)
            continue
        if callable(value) and not inspect.isclass(value):
            asked = set(_arguments(value)) - set(_arguments(mine))
            if asked and not any(p.kind is p.VAR_KEYWORD for p in inspect.signature(mine).parameters.values()):
                differing.append((path, sorted(asked)))
    assert not missing
    assert not differing


def _arguments(function):
    kinds = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
    try:
        return [p.name for p in inspect.signature(function).parameters.values() if p.kind not in kinds]
    except ValueError:  # a function of C
        return []


ALIASES = {
    "AvgPool1D": "AveragePooling1D",
    "AvgPool2D": "AveragePooling2D",
    "AvgPool3D": "AveragePooling3D",
    "Convolution1D": "Conv1D",
    "Convolution1DTranspose": "Conv1DTranspose",
    "Convolution2D": "Conv2D",
    "Convolution2DTranspose": "Conv2DTranspose",
    "Convolution3D": "Conv3D",
    "Convolution3DTranspose": "Conv3DTranspose",
    "GlobalAvgPool1D": "GlobalAveragePooling1D",
    "GlobalAvgPool2D": "GlobalAveragePooling2D",
    "GlobalAvgPool3D": "GlobalAveragePooling3D",
    "GlobalMaxPool1D": "GlobalMaxPooling1D",
    "GlobalMaxPool2D": "GlobalMaxPooling2D",
    "GlobalMaxPool3D": "GlobalMaxPooling3D",
    "MaxPool1D": "MaxPooling1D",
    "MaxPool2D": "MaxPooling2D",
    "MaxPool3D": "MaxPooling3D",
    "SeparableConvolution1D": "SeparableConv1D",
    "SeparableConvolution2D": "SeparableConv2D",
}


@pytest.mark.parametrize("alias", ALIASES)
def test_other_names_of_layers(alias):
    assert getattr(kbridge.layers, alias) is getattr(kbridge.layers, ALIASES[alias])
