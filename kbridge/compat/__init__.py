"""Code of Keras 1 and 2, as it was written.

``install`` lets ``import keras`` mean one of the generations; ``kbridge run`` does so for a
program. Each generation can be imported by name, too:

    from kbridge.compat.keras1.layers.core import Dense
    from kbridge.compat.keras2 import backend as K
"""

import sys

from kbridge.compat import alias


def install(generation="auto"):
    """Let ``import keras``, and all imports below it, mean kbridge, as it was called in this generation.

    It holds in this process from now on, and in the Python processes that it starts. What was
    imported before stays what it is. TensorFlow, ``tf.keras`` and packages that are made for them
    go on with the package ``keras`` that is installed, if there is one.

    Args:
        generation: 1, 2 or 3; or "auto", to tell it from the source of the program that is
            running (2 where there is none, as in a notebook).
    """
    if generation == "auto":
        from kbridge.compat import detect

        path = getattr(sys.modules.get("__main__"), "__file__", None)
        generation = detect.of_file(path).generation if path else 2
    elif str(generation) in ("1", "2", "3"):
        generation = int(generation)
    else:
        raise ValueError(f'The generation must be 1, 2, 3 or "auto". Received: {generation!r}.')
    alias.install(generation)


def uninstall():
    """Let ``import keras`` mean what it meant before ``install``."""
    alias.uninstall()
