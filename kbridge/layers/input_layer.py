"""``Input``: where a graph begins."""

from kbridge.backend.symbolic import KerasTensor, Node
from kbridge.layers.layer import Layer


class InputLayer(Layer):
    """The layer behind ``Input``: it gives the symbol for one input of a model."""

    def __init__(
        self,
        shape=None,
        batch_size=None,
        dtype=None,
        sparse=None,
        ragged=None,
        batch_shape=None,
        input_tensor=None,
        optional=False,
        name=None,
        input_shape=None,
        batch_input_shape=None,
    ):
        if sparse or ragged:
            raise ValueError("Input: sparse and ragged inputs are not supported. Pass dense arrays.")
        super().__init__(name=name)
        shape = shape if shape is not None else input_shape
        batch_shape = batch_shape if batch_shape is not None else batch_input_shape
        if input_tensor is not None:
            batch_shape = input_tensor.shape
            dtype = dtype or input_tensor.dtype
        if batch_shape is None:
            if shape is None:
                raise ValueError("Input: no shape was given. Write: Input(shape=(features,)).")
            batch_shape = (batch_size, *_dims(shape))
        elif shape is not None:
            raise ValueError("Input: shape and batch_shape say the same thing. Pass one of them.")
        self.batch_shape = _dims(batch_shape)
        self.optional = optional
        self._dtype = dtype
        output = input_tensor
        if output is None:
            output = KerasTensor(self.batch_shape, dtype or None, name=self.name)
        self._dtype = output.dtype
        self.built = True
        self._nodes.append(Node(self, (), {}, output))

    @property
    def dtype(self):
        return self._dtype

    @property
    def input(self):
        """The symbol that it stands for: it gives what is fed."""
        return self.output

    def get_input_at(self, node_index):
        return self.get_output_at(node_index)

    def call(self):
        raise TypeError("An InputLayer is not called: its symbol is layer.output.")

    def get_config(self):
        return {"batch_shape": self.batch_shape, "dtype": self.dtype, "name": self.name}


def Input(  # noqa: N802 (a function, named like the class it stands for)
    shape=None,
    batch_size=None,
    dtype=None,
    sparse=None,
    ragged=None,
    batch_shape=None,
    name=None,
    tensor=None,
    optional=False,
):
    """A symbol for one input of a model.

    Args:
        shape: the shape of one sample; None where any size is taken.
        batch_size: the size of a batch, if it is fixed.
        dtype: ``floatx()`` unless told.
        batch_shape: the whole shape, instead of ``shape`` and ``batch_size``.
        name: its name.
        tensor: a symbol to stand for the input, instead of a new one.
        optional: whether None may be passed for it.
    """
    layer = InputLayer(
        shape=shape,
        batch_size=batch_size,
        dtype=dtype,
        sparse=sparse,
        ragged=ragged,
        batch_shape=batch_shape,
        name=name,
        input_tensor=tensor,
        optional=optional,
    )
    return layer.output


def _dims(shape):
    if isinstance(shape, int):
        return (shape,)
    shape = tuple(shape)
    for dim in shape:
        if dim is not None and (not hasattr(dim, "__index__") or dim < 0):
            raise ValueError(f"Input: a shape consists of non-negative integers and None. Received: {shape}.")
    return tuple(None if dim is None else int(dim) for dim in shape)
