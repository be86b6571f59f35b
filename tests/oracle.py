"""Keras 3 on NumPy, in this process, as the reference for values and configs."""

import os
import tempfile
from unittest import mock

import numpy as np
import pytest

with tempfile.TemporaryDirectory() as _home, mock.patch.dict(os.environ, KERAS_BACKEND="numpy", KERAS_HOME=_home):
    keras = pytest.importorskip("keras", minversion="3.15")

if keras.backend.backend() != "numpy":
    pytest.skip("Keras was imported with another backend before.", allow_module_level=True)


def close(ours, reference, rtol=2e-5, atol=2e-6):
    """Whether a tensor of the engine in charge has the shape, the kind of dtype, and the values of a NumPy array."""
    from kbridge.backend import registry

    ours = registry.current().to_numpy(ours)
    reference = np.asarray(reference)
    assert ours.shape == reference.shape, f"shape {ours.shape}, not {reference.shape}"
    assert ours.dtype.kind == reference.dtype.kind, f"dtype {ours.dtype}, not {reference.dtype}"
    np.testing.assert_allclose(ours, reference, rtol=rtol, atol=atol)


def same_config(ours, reference):
    """Whether two objects' configs agree; ours may hold arguments that Keras forgets, never the other way round."""
    assert {**ours, "config": None} == {**reference, "config": None}
    assert {k: v for k, v in ours["config"].items() if k in reference["config"]} == reference["config"]
