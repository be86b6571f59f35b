"""A process that runs old programs one after another: python worker.py ENGINE. Paths come in, JSON answers go out.

Starting an engine takes seconds, a program often less; so each engine is started once.
"""

import contextlib
import io
import json
import os
import sys
import tempfile
import traceback


def run(path, generation, engine):
    """Run one program as ``kbridge run`` would, in a folder of its own; None, or what went wrong."""
    import kbridge
    from kbridge import compat, config

    compat.install(generation)
    kbridge.utils.clear_session(free_memory=False)
    kbridge.utils.set_random_seed(7)
    config.set_image_data_format("channels_last")
    before, said = os.getcwd(), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["KERAS_HOME"] = folder
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), kbridge.use_backend(engine):
                compat.script.run_path(path, [path])
        except SystemExit as stop:
            if stop.code:
                return f"{said.getvalue()[-2000:]}\nexit status {stop.code}"
        except BaseException:
            return f"{said.getvalue()[-2000:]}\n{traceback.format_exc()}"
        finally:
            os.chdir(before)
    return None


def main():
    engine, answers = sys.argv[1], os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what programs and libraries print must not get between the answers
    for line in sys.stdin:
        path, generation = json.loads(line)
        answers.write(json.dumps(run(path, generation, engine)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
