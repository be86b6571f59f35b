"""``kbridge port``: old programs in today's words."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbridge.compat.port import port
from kbridge.compat.python2 import Source

ROOT = Path(__file__).parent.parent.parent
ENV = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")])}


def ported(text, generation=None):
    return port(Source("script.py", text.encode()), generation)


LINES = [
    # (generation, what is imported, an old line, today's)
    (1, "from keras.layers import Dense", "Dense(output_dim=64, init='uniform', bias=False)",
     "Dense(units=64, kernel_initializer='uniform', use_bias=False)"),
    (1, "from keras.layers import Dropout", "Dropout(p=0.5)  # half", "Dropout(rate=0.5)  # half"),
    (1, "from keras.layers import Convolution2D",
     "Convolution2D(32, 3, 3, border_mode='same', subsample=(2, 2))",
     "Conv2D(32, (3, 3), padding='same', strides=(2, 2))"),
    (1, "from keras.layers import Convolution2D", "Convolution2D(n, size[0], size[1], dim_ordering='th')",
     "Conv2D(n, (size[0], size[1]), data_format='channels_first')"),
    (2, "from keras.layers import Conv2D", "Conv2D(4, (3, 3), border_mode='same')",
     "Conv2D(4, (3, 3), padding='same')"),
    (1, "from keras.layers import merge", "m = merge([a, b], mode='concat', concat_axis=1)",
     "m = keras.layers.concatenate([a, b], axis=1)"),
    (1, "from keras.models import Model", "Model(input=[a, b], output=c)", "Model(inputs=[a, b], outputs=c)"),
    (1, "from keras.optimizers import SGD", "SGD(lr=0.1, decay=1e-6, momentum=0.9)",
     "SGD(learning_rate=keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 1e-6), momentum=0.9)"),
    (2, "from keras.optimizers import Adam", "Adam(lr=rate)", "Adam(learning_rate=rate)"),
    (1, "from keras.regularizers import l2, activity_l2", "f(l2(0.1), activity_l2(l=0.2))", "f(L2(0.1), L2(l2=0.2))"),
    (1, "from keras.constraints import maxnorm", "maxnorm(m=2)", "MaxNorm(max_value=2)"),
    (1, "from keras.utils.np_utils import to_categorical", "to_categorical(y, nb_classes=10)",
     "to_categorical(y, num_classes=10)"),
    (2, "import keras", "keras.layers.core.Dense(3)", "keras.layers.Dense(3)"),
    (2, "import keras.backend as K", "K.mean(x, axis=-1) + K.concatenate([x, y])",
     "keras.ops.mean(x, axis=-1) + keras.ops.concatenate([x, y], axis=-1)"),
    (2, "from keras import backend as K", "K.maximum(x=a, y=0.) + K.epsilon()",
     "keras.ops.maximum(x1=a, x2=0.) + K.epsilon()"),
    (1, "from keras import backend as K", "if K.image_dim_ordering() == 'th': pass",
     "if K.image_data_format() == 'channels_first': pass"),
    (2, "from keras.layers import LSTM, GRU", "[LSTM(5, input_dim=3), GRU(4)]",
     "[LSTM(5, input_shape=(None, 3)), GRU(4, reset_after=False)]"),
    (2, "from keras.layers import LSTM", "model.add(LSTM(5, batch_input_shape=(2, 3, 4)))",
     "model.add(keras.Input(batch_shape=(2, 3, 4)))\nmodel.add(LSTM(5))"),
    (2, "from keras.layers import *", "Convolution1D(3, 4, padding='same')", "Conv1D(3, 4, padding='same')"),
    (2, "from keras.models import Sequential\nmodel = Sequential()",
     "model.fit_generator(g, steps_per_epoch=3, epochs=2, workers=4)", "model.fit(g, steps_per_epoch=3, epochs=2)"),
    (1, "from keras.models import Sequential\nmodel = Sequential()", "h = model.fit(x, y, 4).history['acc']",
     "h = model.fit(x, y, 4, epochs=10).history['accuracy']"),
    (2, "from keras.models import Sequential\nmodel = Sequential()", "model.compile('adadelta', 'mse')",
     "model.compile(keras.optimizers.Adadelta(learning_rate=1.0), 'mse')"),
    (2, "from keras.callbacks import EarlyStopping", "EarlyStopping(monitor='val_acc')",
     "EarlyStopping(monitor='val_accuracy')"),
    # what is another's stays, and so do names that the program has for something else
    (1, "from keras.layers import Dense", "clf.fit(x, y)", "clf.fit(x, y)"),
    (2, "from keras.layers import merge as Dense\nDense = 3", "Dense(output_dim=3)", "Dense(output_dim=3)"),
]  # fmt: skip


@pytest.mark.parametrize(("generation", "imports", "old", "new"), LINES)
def test_lines(generation, imports, old, new):
    found = ported(f"{imports}\n\n{old}\n", generation)
    assert found.after.endswith(f"\n\n{new}\n") and found.left == []


def test_imports_and_layout():
    found = ported(
        '''"""A docstring."""
import numpy as np
from keras.layers.core import Dense, Activation  # the core
from keras.layers.convolutional import Convolution2D as Conv, MaxPooling2D
from keras.engine.topology import Layer
from keras.utils import np_utils
from keras import objectives


class Mine(Layer):
    def get_output_shape_for(self, input_shape):
        return input_shape


model.add(Conv(32, 3, 3,
               border_mode='same',   # keeps the size
               activation='hard_sigmoid'))
y = np_utils.to_categorical(y, 3)
'''
    )
    assert (
        found.after
        == '''"""A docstring."""
import numpy as np
import keras
from keras.layers import Dense, Activation  # the core
from keras.layers import Conv2D as Conv, MaxPooling2D
from keras.layers import Layer
from keras import utils as np_utils
from keras import losses as objectives


@keras.saving.register_keras_serializable()
def old_hard_sigmoid(x):
    """The hard_sigmoid of Keras 1 and 2; today's has another slope."""
    return keras.ops.clip(0.2 * x + 0.5, 0.0, 1.0)


class Mine(Layer):
    def compute_output_shape(self, input_shape):
        return input_shape


model.add(Conv(32, (3, 3),
               padding='same',   # keeps the size
               activation=old_hard_sigmoid))
y = np_utils.to_categorical(y, 3)
'''
    )
    assert found.left == []


def test_what_is_left_is_said():
    found = ported(
        """from keras.layers import Dense, Merge
from keras import backend as K
from keras.models import Sequential
Dense(3, **options)
Dense(3, weights=[w, b])
Merge([a, b], mode='sum')
model = Sequential()
model.fit_generator(g, samples_per_epoch=100, nb_epoch=2)
model.predict_classes(x)
K.gradients(loss, x)
""",
        1,
    )
    assert found.after == found.before
    assert [line for line, _ in found.left] == [1, 4, 5, 6, 8, 9, 10]
    said = dict(found.left)
    assert "* or **" in said[4] and "set_weights" in said[5] and "steps_per_epoch" in said[8] and "argmax" in said[9]


def test_python_2_and_today():
    found = ported("from keras.layers import Dropout\nprint Dropout(p=0.5), 3 / 2\n")
    assert found.after == "from keras.layers import Dropout\nprint(Dropout(rate=0.5), 3 / 2)\n"
    assert found.left == [(2, "It was a program of Python 2: see whether it divides whole numbers by /")]
    found = ported("from keras import ops\nops.abs(3)\n")
    assert found.after == found.before and found.generation == 3


def test_files_keep_their_encoding_and_line_ends(tmp_path, capsys):
    from kbridge import cli

    script = tmp_path / "script.py"
    text = "# -*- coding: latin-1 -*-\r\nfrom keras.layers import Dropout\r\ns = 'é'; Dropout(p=0.5) # ü\r\n"
    script.write_bytes(text.encode("latin-1"))
    assert cli.main(["port", "--write", str(script)]) == 0
    assert script.read_bytes() == text.replace("p=", "rate=").encode("latin-1")
    assert list(tmp_path.iterdir()) == [script] and "written in today's words" in capsys.readouterr().err
    script.write_text("x = (1")
    assert cli.main(["port", str(script)]) == 1 and "'(' was never closed" in capsys.readouterr().err


OF_KERAS_1 = """
import numpy as np
from keras.models import Sequential, Model
from keras.layers.core import Dense, Activation, Flatten
from keras.layers.convolutional import Convolution2D, MaxPooling2D
from keras.layers import Input, LSTM, merge
from keras.optimizers import SGD
from keras.regularizers import l2
from keras.utils import np_utils

def steady(model):
    rng = np.random.RandomState(3)
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])

rng = np.random.RandomState(0)
x, labels = rng.rand(12, 8, 8, 1), rng.randint(0, 3, 12)
y = np_utils.to_categorical(labels, 3)
model = Sequential()
model.add(Convolution2D(4, 3, 3, border_mode='same', subsample=(2, 2), dim_ordering='tf', input_shape=(8, 8, 1)))
model.add(Activation('relu'))
model.add(MaxPooling2D(pool_size=(2, 2), dim_ordering='tf'))
model.add(Flatten())
model.add(Dense(output_dim=3, W_regularizer=l2(0.01), activation='softmax'))
model.compile(loss='categorical_crossentropy', optimizer=SGD(lr=0.1, decay=0.01, momentum=0.9), metrics=['accuracy'])
steady(model)
history = model.fit(x, y, batch_size=4, nb_epoch=3, shuffle=False, verbose=0)
print(history.history['loss'], history.history['acc'])
a = Input(shape=(5, 2))
b = LSTM(3, inner_activation='hard_sigmoid')(a)
c = merge([b, LSTM(3)(a)], mode='concat')
net = Model(input=a, output=Dense(1)(c))
net.compile('adadelta', 'mse')
net.set_weights([np.full(w.shape, 0.3 / w.ndim) for w in net.get_weights()])  # an LSTM had 12 arrays
s = rng.rand(6, 5, 2)
print(net.fit(s, s[:, 0, :1], nb_epoch=4, shuffle=False, verbose=0).history['loss'], net.predict(s, verbose=0)[:, 0])
"""

OF_KERAS_2 = """
import numpy as np
import keras
from keras import backend as K
from keras.layers import *
from keras.models import Sequential

def steady(model):
    rng = np.random.RandomState(3)
    model.set_weights([rng.uniform(-0.5, 0.5, w.shape) for w in model.get_weights()])

def own_loss(y_true, y_pred):
    return K.mean(K.square(y_pred - y_true), axis=-1) + 0.1 * K.sum(K.clip(K.abs(y_pred), 0.1, 1.0), axis=-1)

def batches():
    while True:
        for i in range(0, 8, 4):
            yield x[i:i + 4], y[i:i + 4]

rng = np.random.RandomState(0)
x = rng.rand(8, 6, 3)
y = x[:, 0, :1]
model = Sequential()
model.add(Conv1D(4, 3, padding='causal', input_shape=(6, 3)))
model.add(keras.layers.advanced_activations.LeakyReLU(alpha=0.2))
model.add(BatchNormalization(momentum=0.8))
model.add(GRU(5, return_sequences=True))
model.add(LSTM(5))
model.add(Dense(1, activation='hard_sigmoid'))
model.compile(loss=own_loss, optimizer='nadam')
steady(model)
history = model.fit_generator(batches(), steps_per_epoch=2, epochs=3, verbose=0, max_queue_size=2)
print(history.history['loss'], model.predict(x, verbose=0)[:, 0])
"""


@pytest.mark.parametrize("text", [OF_KERAS_1, OF_KERAS_2], ids=["keras1", "keras2"])
def test_a_ported_program_computes_the_same(text, tmp_path):
    import numpy as np

    script = tmp_path / "script.py"
    script.write_text(text)

    def run(*words):
        words = [sys.executable, "-W", "ignore", "-m", "kbridge", *words]
        done = subprocess.run(words, env=ENV, capture_output=True, text=True, timeout=120, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        return done

    before = run("run", "-q", script).stdout
    done = run("port", script)
    assert done.stdout.startswith("---") and "left as it is" not in done.stderr, done.stderr
    assert script.read_text() == text
    run("port", "--write", script)
    after = run("run", "-q", "--keras", "3", script).stdout
    numbers = [
        np.array(t.replace("[", " ").replace("]", " ").replace(",", " ").split(), float) for t in (before, after)
    ]
    assert len(numbers[0]) > 5
    np.testing.assert_allclose(*numbers, rtol=2e-4, atol=1e-5)
