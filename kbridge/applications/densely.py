"""DenseNet: each block sees the outputs of all before it (Huang et al., 2016)."""

from kbridge.applications.common import active, application, channels, layers, normed

_EPSILON = 1.001e-5


def _before(x, name):
    return active(normed(x, f"{name}_bn", epsilon=_EPSILON), f"{name}_relu")


def _block(x, name):
    y = layers.Conv2D(128, 1, use_bias=False, name=f"{name}_1_conv")(_before(x, f"{name}_0"))
    y = layers.Conv2D(32, 3, padding="same", use_bias=False, name=f"{name}_2_conv")(_before(y, f"{name}_1"))
    return layers.Concatenate(axis=channels(), name=f"{name}_concat")([x, y])


def _stack(x, depths):
    x = layers.ZeroPadding2D(3)(x)
    x = layers.Conv2D(64, 7, strides=2, use_bias=False, name="conv1_conv")(x)
    x = layers.ZeroPadding2D(1)(_before(x, "conv1"))
    x = layers.MaxPooling2D(3, strides=2, name="pool1")(x)
    for stage, depth in enumerate(depths, 2):
        for i in range(1, depth + 1):
            x = _block(x, f"conv{stage}_block{i}")
        if stage < 5:
            half = x.shape[channels()] // 2
            x = layers.Conv2D(half, 1, use_bias=False, name=f"pool{stage}_conv")(_before(x, f"pool{stage}"))
            x = layers.AveragePooling2D(2, strides=2, name=f"pool{stage}_pool")(x)
    return active(normed(x, "bn", epsilon=_EPSILON), "relu")


@application(224, 32)
def DenseNet121(x):
    """DenseNet with 121 layers."""
    return _stack(x, (6, 12, 24, 16))


@application(224, 32)
def DenseNet169(x):
    """DenseNet with 169 layers."""
    return _stack(x, (6, 12, 32, 32))


@application(224, 32)
def DenseNet201(x):
    """DenseNet with 201 layers."""
    return _stack(x, (6, 12, 48, 32))
