"""``python -m benchmarks.loading [--row NAME] [--engine NAME] [--repeats N]``: seconds that ``load_model`` takes.

Each file is written once, by kbridge, and loaded by kbridge and by Keras 3, in turn and in processes of their own; the
best of several loads counts, in seconds of the processor. The first load of a process, which imports, is left out.
"""

import argparse
import json
import math
import os
import subprocess
import sys
import tempfile
import time
import warnings

ENDINGS = (".keras", ".h5")
FEWEST, LONGEST = 2, 20.0  # loads that are timed, and the seconds after which no more are begun


def chain():
    """300 small layers, one behind the other, as a graph."""
    from kbridge import Input, Model, layers

    x = given = Input((8,))
    for _ in range(300):
        x = layers.Dense(8, activation="relu")(x)
    return Model(given, x)


def branches():
    """300 blocks of three layers with a way around each, and the graph's list turned round."""
    from kbridge import Input, Model, layers

    x = given = Input((8,))
    for _ in range(300):
        x = layers.Add()([x, layers.Dropout(0.1)(layers.Dense(8)(x))])
    config = Model(given, x).get_config()
    config["layers"].reverse()
    return Model.from_config(config)


def deep():
    """A Sequential of 500 Dense."""
    from kbridge import Input, Sequential, layers

    return Sequential([Input((32,)), *(layers.Dense(32) for _ in range(500))])


def resnet50():
    from kbridge.applications.resnet import ResNet50

    return ResNet50(weights=None)


ROWS = {function.__name__: function for function in (chain, branches, deep, resnet50)}


def measure(contender, path, repeats):
    """The best time of several loads."""
    warnings.simplefilter("ignore")
    if contender == "kbridge":
        from kbridge.saving import load_model
    else:
        from keras.saving import load_model
    begun, times = time.perf_counter(), []
    while len(times) < FEWEST or (len(times) < repeats and time.perf_counter() - begun < LONGEST):
        start = time.process_time()
        load_model(path)
        times.append(time.process_time() - start)
    return min(times[1:])


def in_a_process(contender, engine, path, repeats):
    keys = {"kbridge": "KBRIDGE_BACKEND", "keras": "KERAS_BACKEND"}
    env = {**os.environ, keys[contender]: engine, "OMP_NUM_THREADS": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-m", "benchmarks.loading", "--repeats", str(repeats), "--child", contender, path]
    done = subprocess.run(command, env=env, capture_output=True, text=True)
    results = [text for text in done.stdout.splitlines() if text.startswith("RESULT ")]
    if not results:
        print(f"    {contender}, {path}: {(done.stderr.strip().splitlines() or ['no output'])[-1][:150]}")
        return None
    return json.loads(results[-1].removeprefix("RESULT "))


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("--row", action="append", choices=list(ROWS), help="a row (repeatable; all)")
    parser.add_argument("--engine", default="numpy")
    parser.add_argument("--repeats", type=int, default=5, help="loads in a process")
    parser.add_argument("--rounds", type=int, default=2, help="how often each contender gets a process")
    parser.add_argument("--child", nargs=2, metavar=("CONTENDER", "PATH"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print("RESULT " + json.dumps(measure(*arguments.child, arguments.repeats)))
        return
    ratios = []
    print(f"{'row':<10} {'file':<7} {'layers':>7} {'MB':>7} {'kbridge':>11} {'Keras 3':>11}   Keras 3/kbridge")
    warnings.simplefilter("ignore")
    with tempfile.TemporaryDirectory() as folder:
        for row in arguments.row or ROWS:
            model = ROWS[row]()
            for ending in ENDINGS:
                path = os.path.join(folder, row + ending)
                model.save(path)
                found = {"kbridge": [], "keras": []}
                for _ in range(arguments.rounds):  # in turn, so that a noisy minute hits both
                    for contender, times in found.items():
                        times.append(in_a_process(contender, arguments.engine, path, arguments.repeats))
                best = [min((t for t in times if t is not None), default=math.nan) for times in found.values()]
                ratios.append(best[1] / best[0])
                megabytes = os.path.getsize(path) / 1e6
                cells = f"{row:<10} {ending:<7} {len(model.layers):>7} {megabytes:>7.1f}"
                print(f"{cells} {best[0]:>9.3f} s {best[1]:>9.3f} s {ratios[-1]:>12.1f}", flush=True)
    sound = [ratio for ratio in ratios if not math.isnan(ratio)]
    if sound:
        print(f"\ngeometric mean: {math.exp(sum(map(math.log, sound)) / len(sound)):.1f} times as fast as Keras 3")


if __name__ == "__main__":
    main()
