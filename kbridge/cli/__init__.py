"""The command line: ``kbridge run | port | inspect | convert | demo | config | doctor``."""

import argparse
import importlib
import sys

# name -> (module, what it does); a module has configure(parser) and run(arguments) -> exit status
COMMANDS = {
    "run": ("kbridge.cli.run", "run a program for Keras 1, 2 or 3 as it was written"),
    "port": ("kbridge.cli.port", "rewrite a program for Keras 1 or 2 in today's words"),
    "inspect": ("kbridge.cli.inspect", "say what a file of a model or of weights holds, whoever wrote it"),
    "convert": ("kbridge.cli.convert", "read a model of any generation of Keras and write it as another file"),
    "demo": ("kbridge.cli.demo", "train a small model on real data, on every installed engine"),
    "config": ("kbridge.cli.config", "show, explain or change the configuration"),
    "doctor": ("kbridge.cli.doctor", "say what is installed, what would be used and why, and what to install"),
}


def main(argv=None):
    """Run a command; returns its exit status."""
    from kbridge import __version__

    parser = argparse.ArgumentParser(
        prog="kbridge", description="Keras on NumPy, PyTorch, JAX and TensorFlow: one model, any engine."
    )
    parser.add_argument("--version", action="version", version=f"kbridge {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    modules = {}
    argv = sys.argv[1:] if argv is None else list(argv)
    if argv[:1] == ["run"]:  # what it is given, and what happens in it, is another program's
        return importlib.import_module(COMMANDS["run"][0]).main(argv[1:])
    for name, (module, text) in COMMANDS.items():
        sub = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name in argv and name != "run":  # the others need not be imported
            modules[name] = importlib.import_module(module)
            modules[name].configure(sub)
    arguments = parser.parse_args(argv)
    if arguments.command is None:
        parser.print_help()
        return 0
    try:
        return modules[arguments.command].run(arguments) or 0
    except (ValueError, ImportError, OSError) as error:
        print(f"kbridge {arguments.command}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        sys.stderr.close()
        return 0
