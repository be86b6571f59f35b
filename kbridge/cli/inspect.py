"""``kbridge inspect FILE``: what a file of a model or of weights holds, without building anything."""


def configure(parser):
    parser.add_argument("files", nargs="+", metavar="FILE", help="a .keras, .h5, .safetensors, .npz or .json file")


def run(arguments):
    from kbridge.saving import inspect

    refused = False
    for file in arguments.files:
        report = inspect(file)
        print(report)
        refused = refused or bool(report.refused)
    return 1 if refused else 0
