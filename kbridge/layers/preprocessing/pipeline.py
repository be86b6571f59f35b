"""``Pipeline``: layers one behind the other, as one layer."""

from kbridge import objects
from kbridge.layers.layer import Layer
from kbridge.layers.preprocessing.host import Mappable


class Pipeline(Mappable, Layer):
    """Calls its layers one after the other, each on what the one before gave.

    Args:
        layers: the layers, first to last.
    """

    def __init__(self, layers, name=None):
        super().__init__(name=name)
        self._pipeline_layers = [_checked(layer) for layer in layers]
        self.autocast = False
        self.supports_masking = True
        self.built = True

    @property
    def layers(self):
        """The layers, first to last."""
        return list(self._pipeline_layers)

    def _convert_arguments(self, args, kwargs):
        return args, kwargs  # each layer converts what it is given

    def call(self, inputs, training=True, mask=None):
        for layer in self._pipeline_layers:
            info = layer._info()
            given = {"training": training} if info.takes_training else {}
            if mask is not None and "mask" in info.masks:
                given["mask"] = mask
            inputs = layer(inputs, **given)
            if mask is not None:
                mask = layer.compute_mask(inputs, mask)
        return inputs

    def compute_output_shape(self, input_shape):
        for layer in self._pipeline_layers:
            input_shape = layer.compute_output_shape(input_shape)
        return input_shape

    def get_config(self):
        return {
            "layers": [objects.serialize_keras_object(layer) for layer in self._pipeline_layers],
            "name": self.name,
        }

    @classmethod
    def from_config(cls, config):
        return cls([objects.deserialize_keras_object(layer) for layer in config["layers"]], name=config.get("name"))


def _checked(layer):
    if not isinstance(layer, Layer):
        raise TypeError(f"Pipeline takes a list of layers. Received: {layer!r} (of type {type(layer).__name__}).")
    return layer
