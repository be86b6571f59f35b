"""ResNet: blocks that add to their input (He et al., 2015), and the version that normalizes first (2016)."""

from kbridge.applications.common import active, application, layers, normed

_EPSILON = 1.001e-5


def _conv(x, filters, size, name, **kwargs):
    return layers.Conv2D(filters, size, name=name, **kwargs)(x)


def _norm(x, name):
    return normed(x, name, epsilon=_EPSILON)


def _stem(x, normalizes):
    x = layers.ZeroPadding2D(3, name="conv1_pad")(x)
    x = _conv(x, 64, 7, "conv1_conv", strides=2)
    if normalizes:
        x = active(_norm(x, "conv1_bn"), "conv1_relu")
    x = layers.ZeroPadding2D(1, name="pool1_pad")(x)
    return layers.MaxPooling2D(3, strides=2, name="pool1_pool")(x)


def _block(x, filters, stride, widens, name):
    shortcut = x
    if widens:
        shortcut = _norm(_conv(x, 4 * filters, 1, f"{name}_0_conv", strides=stride), f"{name}_0_bn")
    x = _conv(x, filters, 1, f"{name}_1_conv", strides=stride)
    x = active(_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = _conv(x, filters, 3, f"{name}_2_conv", padding="same")
    x = active(_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    x = _norm(_conv(x, 4 * filters, 1, f"{name}_3_conv"), f"{name}_3_bn")
    return active(layers.Add(name=f"{name}_add")([shortcut, x]), f"{name}_out")


def _stack(x, depths):
    x = _stem(x, normalizes=True)
    for stage, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512)), 2):
        for i in range(1, depth + 1):
            stride = 2 if i == 1 and stage > 2 else 1
            x = _block(x, filters, stride, i == 1, f"conv{stage}_block{i}")
    return x


def _block_v2(x, filters, stride, widens, name):
    before = active(_norm(x, f"{name}_preact_bn"), f"{name}_preact_relu")
    if widens:
        shortcut = _conv(before, 4 * filters, 1, f"{name}_0_conv", strides=stride)
    else:
        shortcut = layers.MaxPooling2D(1, strides=stride)(x) if stride > 1 else x
    x = _conv(before, filters, 1, f"{name}_1_conv", use_bias=False)
    x = active(_norm(x, f"{name}_1_bn"), f"{name}_1_relu")
    x = layers.ZeroPadding2D(1, name=f"{name}_2_pad")(x)
    x = _conv(x, filters, 3, f"{name}_2_conv", strides=stride, use_bias=False)
    x = active(_norm(x, f"{name}_2_bn"), f"{name}_2_relu")
    return layers.Add(name=f"{name}_out")([shortcut, _conv(x, 4 * filters, 1, f"{name}_3_conv")])


def _stack_v2(x, depths):
    x = _stem(x, normalizes=False)
    for stage, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512)), 2):
        for i in range(1, depth + 1):
            stride = 2 if i == depth and stage < 5 else 1
            x = _block_v2(x, filters, stride, i == 1, f"conv{stage}_block{i}")
    return active(_norm(x, "post_bn"), "post_relu")


@application(224, 32)
def ResNet50(x):
    """ResNet with 50 layers."""
    return _stack(x, (3, 4, 6, 3))


@application(224, 32)
def ResNet101(x):
    """ResNet with 101 layers."""
    return _stack(x, (3, 4, 23, 3))


@application(224, 32)
def ResNet152(x):
    """ResNet with 152 layers."""
    return _stack(x, (3, 8, 36, 3))


@application(224, 32)
def ResNet50V2(x):
    """ResNet, version 2, with 50 layers."""
    return _stack_v2(x, (3, 4, 6, 3))


@application(224, 32)
def ResNet101V2(x):
    """ResNet, version 2, with 101 layers."""
    return _stack_v2(x, (3, 4, 23, 3))


@application(224, 32)
def ResNet152V2(x):
    """ResNet, version 2, with 152 layers."""
    return _stack_v2(x, (3, 8, 36, 3))
