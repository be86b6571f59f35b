"""Which generation a program is written for, and why."""

import pytest

from kbridge.compat import detect
from kbridge.compat.python2 import Source

CASES = [
    # (program, generation, the reason given)
    ("model.fit(X, y,\n  nb_epoch=10)", 1, "nb_epoch=, line 2"),
    ("model.add(Dense(output_dim=64, input_dim=100))", 1, "output_dim=, line 1"),
    ("from keras.layers import Convolution2D\nConvolution2D(32, 3, 3)", 1, "Convolution2D, line 1"),
    ("from keras.layers import merge\nm = merge([a, b], mode='concat')", 1, "merge, line 1"),
    ("import keras\nkeras.layers.Merge([a, b], mode='sum')", 1, "Merge, line 2"),
    ("import keras.initializations", 1, "import keras.initializations, line 1"),
    ("class L(Layer):\n    def get_output_shape_for(self, s): pass", 1, "def get_output_shape_for, line 2"),
    ("print model.fit(x, y, nb_epoch=3)", 1, "nb_epoch=, line 1"),
    ("model.fit(x, y, epochs=3)", 2, "epochs=, line 1"),
    ("from keras.layers import *\nmodel.add(CuDNNLSTM(32))", 2, "CuDNNLSTM, line 2"),
    ("from keras import backend as K\nK.ones((2, 3))", 2, "from keras import backend, line 1"),
    ("from keras.layers.core import Dense", 2, "from keras.layers.core import, line 1"),
    ("keras = 1", 2, None),
    ("(", 2, None),
    ("import keras\nx = keras.ops.ones((2,))", 3, "keras.ops, line 2"),
    ("from keras import ops\nmodel.fit(x, y, epochs=3)", 3, "from keras import ops, line 1"),
    ("from keras.layers import Rescaling", 3, "Rescaling, line 1"),
    # mixtures: the older generations know newer names, and a few old words do not make a program of Keras 2 one of 1
    ("from keras import ops\nmodel.fit(x, y, nb_epoch=3)", 1, "nb_epoch=, line 2"),
    ("from keras import ops, backend as K\nK.placeholder((2,))", 2, "from keras import backend, line 1"),
    ("from keras.layers import *\nmodel.add(Conv2D(4, (3, 3), border_mode='same'))", 2, "Conv2D(4, (3, 3)), line 2"),
    ("from keras.layers import Convolution2D\nConvolution2D(4, (3, 3), padding='same')", 2, None),
    ("from keras.constraints import maxnorm\nDense(3, kernel_constraint=maxnorm(3))\nfit(epochs=2)", 2, None),
    ("Embedding(output_dim=3, input_dim=4)\nfit(epochs=2)", 2, "epochs=, line 2"),
    # learning_rate= and names of other libraries say nothing
    ("SGD(learning_rate=0.1)\nimport ops, random\nfrom tensorflow import saving", 2, None),
]


@pytest.mark.parametrize(("text", "generation", "reason"), CASES)
def test_generation_and_reason(text, generation, reason):
    found = detect.of_source(Source("script.py", text.encode()))
    assert found.generation == generation
    if reason:
        assert str(found) == f"Keras {generation} ({reason})"


def test_modules_beside_the_program_count(tmp_path):
    (tmp_path / "script.py").write_text("import models.old\nfrom data import load\nmodels.old.build()")
    (tmp_path / "data.py").write_text("import script\ndef load(): pass")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / "__init__.py").write_text("")
    (tmp_path / "models" / "old.py").write_text("\nDense(3, W_regularizer=None)")
    assert str(detect.of_file(tmp_path / "script.py")) == "Keras 1 (W_regularizer=, old.py, line 2)"
    assert detect.of_file(tmp_path / "missing.py").generation == 2
