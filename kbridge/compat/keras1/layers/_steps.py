"""What a program's own LSTM, GRU or SimpleRNN of Keras 1 is made of: layers that it may change at every step.

In Keras 1 these were classes with ``step(x, states)``, ``preprocess_input``, ``get_constants`` and
``get_initial_states``, and with a variable for each gate (``W_i``, ``U_i``, ``b_i``). Subclasses of the doors derive
from these; the doors themselves are the layers of today.
"""

from kbridge import objects, ops
from kbridge.compat.keras1 import activations, initializations
from kbridge.compat.keras1 import backend as K  # noqa: N812 (what it has always been called)
from kbridge.compat.keras1.layers._core import InputSpec, time_distributed_dense
from kbridge.compat.keras1.layers._recurrent import Recurrent
from kbridge.compat.renames import regularizer_of


class _Stepwise(Recurrent):
    gates = ()  # in the order of the weights
    gates_as_one = ()  # in the order of their columns, where one weight holds all

    def __init__(
        self,
        output_dim,
        init="glorot_uniform",
        inner_init="orthogonal",
        activation="tanh",
        W_regularizer=None,
        U_regularizer=None,
        b_regularizer=None,
        dropout_W=0.0,
        dropout_U=0.0,
        **kwargs,
    ):
        self.output_dim = output_dim
        self.init, self.inner_init = initializations.get(init), initializations.get(inner_init)
        self.activation = activations.get(activation)
        self.W_regularizer, self.U_regularizer, self.b_regularizer = (
            regularizer_of(r) for r in (W_regularizer, U_regularizer, b_regularizer)
        )
        self.dropout_W, self.dropout_U = dropout_W, dropout_U
        super().__init__(**kwargs)

    def build(self, input_shape):
        self._set_states(input_shape)
        for gate in self.gates if self._is_split else ("",):
            self._add_gate(gate)
        if self._is_split:
            self.trainable_weights = [
                getattr(self, f"{part}_{gate}") for gate in self.gates for part in ("W", "U", "b")
            ]
        else:
            self.trainable_weights = [self.W, self.U, self.b]
        self.built = True

    @property
    def _is_split(self):
        return bool(self.gates) and self.consume_less != "gpu"

    def _set_states(self, input_shape):
        self.input_spec = [InputSpec(shape=input_shape)]
        self.input_dim = input_shape[2]
        self.states = [None] * self.count_of_states
        if self.stateful:
            self._make_states(input_shape[0])

    def _add_gate(self, gate):
        units = self.output_dim * (1 if gate or not self.gates else len(self.gates))
        ending = f"_{gate}" if gate else ""
        for part, shape, init in (
            ("W", (self.input_dim, units), self.init),
            ("U", (self.output_dim, units), self.inner_init),
            ("b", (units,), self._bias_init(gate)),
        ):
            weight = self.add_weight(
                shape,
                initializer=init,
                name=f"{self.name}_{part}{ending}",
                regularizer=getattr(self, f"{part}_regularizer"),
            )
            setattr(self, f"{part}{ending}", weight)

    def _bias_init(self, gate):
        return "zero"

    def preprocess_input(self, x):
        """The inputs times the kernels, for all steps at once, where ``consume_less`` is "cpu"."""
        if self.consume_less != "cpu":
            return x
        parts = [
            time_distributed_dense(x, getattr(self, f"W{end}"), getattr(self, f"b{end}"), self.dropout_W)
            for end in self._endings(self.gates_as_one)
        ]
        return ops.concatenate(parts, axis=2) if len(parts) > 1 else parts[0]

    @staticmethod
    def _endings(gates):
        return [f"_{gate}" for gate in gates] or [""]

    def get_constants(self, x):
        """What the dropout of the states, and that of the inputs, multiply with, for each of the gates."""
        in_steps = 0.0 if self.consume_less == "cpu" else self.dropout_W
        return [self._multiplied(x, self.dropout_U, self.output_dim), self._multiplied(x, in_steps, x.shape[2])]

    def _multiplied(self, x, rate, width):
        count = max(1, len(self.gates))
        if not 0 < rate < 1:
            found = [K.cast_to_floatx(1.0) for _ in range(count)]
        else:
            ones = ops.ones((ops.shape(x)[0], width), self.compute_dtype)
            found = [K.in_train_phase(K.dropout(ones, rate), ones) for _ in range(count)]
        return found if self.gates else found[0]

    def _inputs_of_gates(self, x, dropped):
        """What each gate is given from the inputs of a step, in the order of ``gates_as_one``."""
        if self.consume_less == "cpu":
            n = self.output_dim
            return [x[:, i * n : (i + 1) * n] for i in range(len(self.gates))]
        return [
            ops.matmul(x * dropped[i], getattr(self, f"W_{gate}")) + getattr(self, f"b_{gate}")
            for i, gate in enumerate(self.gates_as_one)
        ]

    def get_config(self):
        config = super().get_config()
        config["output_dim"] = self.output_dim
        for name in ("init", "inner_init", "activation", "inner_activation", "forget_bias_init"):
            if name in self.__dict__:
                config[name] = getattr(getattr(self, name), "__name__", None)
        for name in ("W_regularizer", "U_regularizer", "b_regularizer"):
            config[name] = objects.serialize_keras_object(getattr(self, name))
        return {**config, "dropout_W": self.dropout_W, "dropout_U": self.dropout_U}


class SimpleRNN(_Stepwise):
    count_of_states = 1

    def step(self, x, states):
        before, kept, dropped = states[:3]
        h = x if self.consume_less == "cpu" else ops.matmul(x * dropped, self.W) + self.b
        output = self.activation(h + ops.matmul(before * kept, self.U))
        return output, [output]


class GRU(_Stepwise):
    count_of_states = 1
    gates = gates_as_one = "zrh"

    def __init__(
        self,
        output_dim,
        init="glorot_uniform",
        inner_init="orthogonal",
        activation="tanh",
        inner_activation="hard_sigmoid",
        *args,
        **kwargs,
    ):
        self.inner_activation = activations.get(inner_activation)
        super().__init__(output_dim, init, inner_init, activation, *args, **kwargs)

    def step(self, x, states):
        before, kept, dropped = states[:3]
        if self.consume_less == "gpu":
            n = self.output_dim
            inputs = ops.matmul(x * dropped[0], self.W) + self.b
            both = ops.matmul(before * kept[0], self.U[:, : 2 * n])
            z = self.inner_activation(inputs[:, :n] + both[:, :n])
            r = self.inner_activation(inputs[:, n : 2 * n] + both[:, n:])
            new = inputs[:, 2 * n :] + ops.matmul(r * before * kept[0], self.U[:, 2 * n :])
        else:
            x_z, x_r, x_h = self._inputs_of_gates(x, dropped)
            z = self.inner_activation(x_z + ops.matmul(before * kept[0], self.U_z))
            r = self.inner_activation(x_r + ops.matmul(before * kept[1], self.U_r))
            new = x_h + ops.matmul(r * before * kept[2], self.U_h)
        h = z * before + (1 - z) * self.activation(new)
        return h, [h]


class LSTM(_Stepwise):
    count_of_states = 2
    gates, gates_as_one = "icfo", "ifco"

    def __init__(
        self,
        output_dim,
        init="glorot_uniform",
        inner_init="orthogonal",
        forget_bias_init="one",
        activation="tanh",
        inner_activation="hard_sigmoid",
        *args,
        **kwargs,
    ):
        self.forget_bias_init = initializations.get(forget_bias_init)
        self.inner_activation = activations.get(inner_activation)
        super().__init__(output_dim, init, inner_init, activation, *args, **kwargs)

    def _bias_init(self, gate):
        if gate:
            return self.forget_bias_init if gate == "f" else "zero"

        def begin(shape, name=None):
            zeros = ops.zeros((self.output_dim,))
            one = self.forget_bias_init((self.output_dim,), name=None)
            one = ops.convert_to_tensor(getattr(one, "value", one))
            return ops.concatenate([zeros, one, zeros, zeros])

        return begin

    def step(self, x, states):
        h, c, kept, dropped = states[:4]
        if self.consume_less == "gpu":
            z = ops.matmul(x * dropped[0], self.W) + ops.matmul(h * kept[0], self.U) + self.b
            i, f, g, o = ops.split(z, 4, axis=1)
        else:
            x_i, x_f, x_c, x_o = self._inputs_of_gates(x, dropped)
            i = x_i + ops.matmul(h * kept[0], self.U_i)
            f = x_f + ops.matmul(h * kept[1], self.U_f)
            g = x_c + ops.matmul(h * kept[2], self.U_c)
            o = x_o + ops.matmul(h * kept[3], self.U_o)
        c = self.inner_activation(f) * c + self.inner_activation(i) * self.activation(g)
        h = self.inner_activation(o) * self.activation(c)
        return h, [h, c]
