"""``python -m benchmarks [--engine NAME] [--row NAME] [--repeats N] [--json FILE]``: a table of ratios in one run."""

import argparse
import json
import math
import os
import subprocess
import sys
import time

from benchmarks.contenders import CONTENDERS, measure
from benchmarks.work import ROWS

ENGINES = ("numpy", "torch", "jax", "tensorflow")


def main():
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--engine", action="append", help="an engine (repeatable; all)")
    parser.add_argument("--row", action="append", help=f"a row (repeatable; all): {', '.join(r.name for r in ROWS)}")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=2, help="how often each contender gets a process")
    parser.add_argument("--timeout", type=int, default=300, help="seconds for one process")
    parser.add_argument("--json", help="a file to write the figures to")
    parser.add_argument("--child", nargs=3, metavar=("CONTENDER", "ENGINE", "ROW"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        print("RESULT " + json.dumps(measure(*arguments.child, arguments.repeats)))
        return
    figures = []
    print(f"{'row':<12} {'engine':<11} {'kbridge':>12} {'hand':>12} {'Keras 3':>12}   kbridge/hand  Keras 3/kbridge")
    for row in ROWS:
        if arguments.row and row.name not in arguments.row:
            continue
        for engine in arguments.engine or ENGINES:
            found = {name: [] for name in CONTENDERS}
            for _ in range(arguments.rounds):  # in turn, so that a noisy minute hits all
                for name in CONTENDERS:
                    if name == "keras" and engine == "numpy" and row.kind == "fit":
                        continue  # its NumPy backend cannot train
                    result = in_a_process(name, engine, row.name, arguments)
                    if result is not None:
                        found[name].append(result)
            best = {name: min((r["step"] for r in results), default=None) for name, results in found.items()}
            figures.append({"row": row.name, "engine": engine, "steps": best, "all": found})
            print(line(row.name, engine, best), flush=True)
    summary(figures)
    imports()
    if arguments.json:
        with open(arguments.json, "w", encoding="utf-8") as file:
            json.dump(figures, file, indent=1)


def in_a_process(contender, engine, row, arguments):
    env = {**os.environ, "OMP_WAIT_POLICY": "PASSIVE", "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [
        sys.executable,
        "-m",
        "benchmarks",
        "--repeats",
        str(arguments.repeats),
        "--child",
        contender,
        engine,
        row,
    ]
    try:
        done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=arguments.timeout)
    except subprocess.TimeoutExpired:
        print(f"    {contender} on {engine}, {row}: not finished in {arguments.timeout} s", flush=True)
        return None
    results = [text for text in done.stdout.splitlines() if text.startswith("RESULT ")]
    if not results:
        print(f"    {contender} on {engine}, {row}: {(done.stderr.strip().splitlines() or ['no output'])[-1][:150]}")
        return None
    return json.loads(results[-1].removeprefix("RESULT "))


def line(row, engine, best):
    def cell(value):
        return f"{'-':>12}" if value is None else f"{value * 1e6:>9,.1f} us"

    ours, hand, keras = best["kbridge"], best["hand"], best["keras"]
    to_hand = f"{ours / hand:>12.2f}" if ours and hand else f"{'-':>12}"
    to_keras = f"{keras / ours:>16.2f}" if ours and keras else f"{'-':>16}"
    return f"{row:<12} {engine:<11} {cell(ours)} {cell(hand)} {cell(keras)} {to_hand} {to_keras}"


def summary(figures):
    print()
    for engine in dict.fromkeys(f["engine"] for f in figures):
        mine = [f["steps"] for f in figures if f["engine"] == engine]
        hand = [s["kbridge"] / s["hand"] for s in mine if s["kbridge"] and s["hand"]]
        keras = [s["keras"] / s["kbridge"] for s in mine if s["kbridge"] and s["keras"]]
        mean = lambda values: math.exp(sum(map(math.log, values)) / len(values)) if values else float("nan")  # noqa: E731
        print(
            f"{engine:<11} geometric mean: {mean(hand):.2f} times the hand-written time, "
            f"{mean(keras):.2f} times as fast as Keras 3"
        )


def imports():
    """Seconds that an import takes, in a process of its own, the best of three."""

    def best(code, **env):
        times = []
        env = {**os.environ, **env}
        env.pop("PYTHONDONTWRITEBYTECODE", None)  # as an installed package, which is compiled once
        for _ in range(4):
            begun = time.perf_counter()
            subprocess.run([sys.executable, "-c", code], env=env, capture_output=True)
            times.append(time.perf_counter() - begun)
        return min(times)

    bare = best("pass")
    print(f"\nimport, seconds above a bare interpreter's {bare:.2f}:")
    print(f"  numpy {best('import numpy') - bare:.2f}, kbridge {best('import kbridge') - bare:.2f}, ", end="")
    print(f"Keras 3 on torch {best('import keras', KERAS_BACKEND='torch') - bare:.2f}")


if __name__ == "__main__":
    main()
