"""Devices of the engine in charge."""

from contextlib import contextmanager

from kbridge.backend import registry
from kbridge.backend.frame import entered, get_frame


def devices():
    """The names of the devices that the engine in charge sees: "cpu:0", "gpu:0", ..."""
    return registry.current().devices()


@contextmanager
def device(device_name):
    """Run a block of code on a device of the engine in charge.

    >>> with kbridge.device("gpu:0"):
    ...     model.fit(x, y)
    """
    engine = registry.current()
    full = str(device_name).lower().replace("cuda", "gpu")
    full = full if ":" in full else f"{full}:0"
    found = engine.devices()
    if full not in found:
        raise ValueError(f'The engine "{engine.name}" has no device {device_name!r}. It has: {", ".join(found)}.')
    with entered(get_frame().child(engine=engine, device=full)):
        yield full
