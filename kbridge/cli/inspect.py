"""``kbridge inspect FILE``: what a file of a model or of weights holds, and whether it can be read."""

import sys


def configure(parser):
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="a file or folder of a model or of weights, by whichever Keras"
    )


def run(arguments):
    from kbridge.saving import inspect

    refused = False
    for file in arguments.files:
        try:
            report = inspect(file)
        except (ValueError, OSError) as error:
            print(f"kbridge inspect: {error}", file=sys.stderr)
            refused = True
            continue
        print(report)
        refused = refused or bool(report.refused)
    return 1 if refused else 0
