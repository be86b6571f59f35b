"""How each contender does a row: a function ``work()`` that runs its epochs and returns the number of steps."""

import os

from benchmarks.work import BY_NAME


def through_keras(keras, row, **compile_arguments):
    """kbridge and Keras 3 through the very same calls."""
    x, y = row.data()
    model, optimizer = row.build(keras)
    if row.kind == "predict":

        def work():
            for _ in range(row.epochs):
                model.predict(x, verbose=0)
            return row.epochs

        return work
    model.compile(optimizer, row.loss, **compile_arguments)

    def work():
        model.fit(x, y, batch_size=row.batch, epochs=row.epochs, verbose=0)
        return row.epochs * row.steps

    return work


def kbridge(engine, row):
    import kbridge

    kbridge.set_backend(engine)
    return through_keras(kbridge, row)


def keras(engine, row):
    """Keras 3 with its best settings: its own choice of jit_compile, and many steps in one execution where it can."""
    os.environ["KERAS_BACKEND"] = engine
    import keras as package

    return through_keras(package, row, steps_per_execution=1 if engine == "torch" else min(row.steps, 32))


def hand(engine, row):
    """Hand-written engine code, as an expert would write it: see ``benchmarks/by_hand_*.py``."""
    import importlib

    module = importlib.import_module(f"benchmarks.by_hand_{engine}")
    function = getattr(module, row.name.replace(" ", "_"), None)
    return None if function is None else function(row)


WARMING = 3  # seconds

CONTENDERS = {"kbridge": kbridge, "hand": hand, "keras": keras}


def measure(contender, engine, name, repeats):
    """{"first": seconds of the first run with all tracing and compiling, "step": best seconds a step afterwards}."""
    import time

    row = BY_NAME[name]
    begun = time.perf_counter()
    work = CONTENDERS[contender](engine, row)
    if work is None:
        return None
    work()
    first = time.perf_counter() - begun
    begun = time.perf_counter()
    while time.perf_counter() - begun < WARMING:  # until everything that measures itself has made up its mind
        work()
    best = float("inf")
    for _ in range(repeats):
        begun = time.perf_counter()
        steps = work()
        best = min(best, (time.perf_counter() - begun) / steps)
    return {"first": first, "step": best}
