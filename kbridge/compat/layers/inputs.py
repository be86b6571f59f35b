"""Where models of both generations begin: what their ``InputLayer`` adds to today's, and ``Input``."""

from kbridge import layers
from kbridge.backend.symbolic import is_symbol


class FirstLayer:
    """For the doors of InputLayer: its name and shape, and the dtype of what it gives."""

    dtype = layers.InputLayer.__dict__["dtype"]

    @staticmethod
    def _prefix_of(name):
        return "input"

    @property
    def batch_input_shape(self):
        return self.batch_shape


def input_of(input_layer):
    """``Input`` of the generation whose ``InputLayer`` this is."""

    def Input(  # noqa: N802 (a function, named like the class it stands for)
        shape=None, batch_shape=None, name=None, dtype=None, sparse=False, tensor=None, **today
    ):
        """A symbol for one input of a model.

        Args:
            shape: the shape of one sample; None where any size is taken.
            batch_shape: the same with the size of a batch.
            name: its name.
            dtype: ``floatx()`` unless told.
            sparse: False.
            tensor: a symbol that is the input.
            today: what ``kbridge.Input`` takes beside these.
        """
        if is_symbol(tensor) and tensor.node is not None:
            return tensor  # what it is made of is to be kept
        if tensor is None and shape is None and batch_shape is None:
            raise ValueError("Input: no shape was given. Write: Input(shape=(features,)), without the batch.")
        given = {"shape": shape} if batch_shape is None and tensor is None else {"batch_input_shape": batch_shape}
        return input_layer(name=name, dtype=dtype, input_tensor=tensor, sparse=sparse, **given, **today).output

    Input.__module__, Input.__qualname__ = input_layer.__module__, "Input"
    return Input
