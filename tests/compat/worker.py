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
    from kbridge.compat import aged, python2, script
    from kbridge.compat.keras2 import backend as K

    compat.install(generation)
    aged.restore()
    K.clear_session()  # the learning phase, too
    kbridge.utils.set_random_seed(7)
    config.set_image_data_format("channels_last")
    config.set_floatx("float32")
    config.set_epsilon(1e-7)
    folder_before, path_before, said = os.getcwd(), list(sys.path), io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        os.environ["KERAS_HOME"] = folder
        try:
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said), kbridge.use_backend(engine):
                status = script.run(python2.of_file(path), path, [], quiet=True)
        except SystemExit as stop:
            status = stop.code
        except BaseException:
            status = traceback.format_exc()
        finally:
            os.chdir(folder_before)
            sys.path[:] = path_before
    return f"{said.getvalue()[-3000:]}\nexit status {status}" if status else None


def main():
    engine, answers = sys.argv[1], os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what programs and libraries print must not get between the answers
    for line in sys.stdin:
        path, generation = json.loads(line)
        answers.write(json.dumps(run(path, generation, engine)) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
