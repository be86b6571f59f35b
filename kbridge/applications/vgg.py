"""VGG: small convolutions in blocks, pooled in between (Simonyan and Zisserman, 2014)."""

from kbridge.applications.common import application, layers, pooled


def _blocks(x, depths):
    for block, (depth, filters) in enumerate(zip(depths, (64, 128, 256, 512, 512)), 1):
        for i in range(1, depth + 1):
            x = layers.Conv2D(filters, 3, activation="relu", padding="same", name=f"block{block}_conv{i}")(x)
        x = layers.MaxPooling2D(2, strides=2, name=f"block{block}_pool")(x)
    return x


def _dense(x, wish):
    if not wish.include_top:
        return pooled(x, wish)
    x = layers.Flatten(name="flatten")(x)
    x = layers.Dense(4096, activation="relu", name="fc1")(x)
    x = layers.Dense(4096, activation="relu", name="fc2")(x)
    return layers.Dense(wish.classes, activation=wish.classifier_activation, name="predictions")(x)


@application(224, 32, head=_dense)
def VGG16(x):
    """VGG with 16 layers that have weights."""
    return _blocks(x, (2, 2, 3, 3, 3))


@application(224, 32, head=_dense)
def VGG19(x):
    """VGG with 19 layers that have weights."""
    return _blocks(x, (2, 2, 4, 4, 4))
