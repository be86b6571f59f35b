"""``kbridge config``: show, explain or change the configuration."""

import os

from kbridge import config


def configure(parser):
    parser.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=("show", "explain", "set", "path"),
        help="show the values (the default), explain where each comes from, set some, or print the file's path",
    )
    parser.add_argument("entries", nargs="*", metavar="KEY=VALUE", help="with set: what to write into keras.json")


def run(arguments):
    if arguments.entries and arguments.action != "set":
        raise ValueError(
            f"'{arguments.action}' takes nothing more. Received: {arguments.entries[0]!r}. "
            f"To change an entry, write: kbridge config set KEY=VALUE"
        )
    if arguments.action == "path":
        print(config.path())
    elif arguments.action == "set":
        _set(dict(_entry(text) for text in arguments.entries))
    else:
        found = config.explain()
        width = max(map(len, found))
        for key, (value, origin) in found.items():
            print(
                f"{key:<{width}}  {value:<13}  {origin}"
                if arguments.action == "explain"
                else f"{key:<{width}}  {value}"
            )
    return 0


def _set(values):
    if not values:
        raise ValueError(
            "there is nothing to set. Write, for instance: kbridge config set backend=torch floatx=float32"
        )
    config.save(**values)
    print(f"{config.path()}: " + ", ".join(f"{key} = {value}" for key, value in values.items()))
    if "backend" in values:
        from kbridge.backend import registry

        if not registry.is_installed(values["backend"]):
            print(f'Not installed yet. Write: pip install "kbridge[{values["backend"]}]"')
        above = next((name for name in config.BACKEND_VARIABLES if os.environ.get(name)), None)
        if above:
            print(f"As long as the environment variable {above} is set ({os.environ[above]}), it goes before the file.")


def _entry(text):
    key, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"{text!r} is no KEY=VALUE. Write, for instance: kbridge config set backend=torch")
    if key not in config.DEFAULTS:
        raise ValueError(f"there is no entry {key!r}. The entries are: {', '.join(config.DEFAULTS)}.")
    if key == "backend":
        from kbridge.backend import registry

        name = registry.canonical(value)
        if name not in registry.names():
            raise ValueError(f"unknown backend {value!r}. Known: {', '.join(registry.names())}.")
        return key, name
    if key == "epsilon":
        try:
            return key, float(value)
        except ValueError:
            raise ValueError(f"epsilon must be a number, such as 1e-07. Received: {value!r}.") from None
    return key, value
