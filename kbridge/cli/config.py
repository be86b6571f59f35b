"""``kbridge config``: show, explain or change the configuration."""

from kbridge import config


def configure(parser):
    parser.add_argument(
        "action", nargs="?", default="show", choices=("show", "explain", "set", "path"),
        help="show (the default), explain (with where each value comes from), set, or path",
    )
    parser.add_argument("entries", nargs="*", metavar="KEY=VALUE", help="with set: what to write into keras.json")


def run(arguments):
    if arguments.entries and arguments.action != "set":
        raise ValueError(f"'{arguments.action}' takes no {arguments.entries[0]!r}. Write: kbridge config set KEY=VALUE.")
    if arguments.action == "path":
        print(config.path())
    elif arguments.action == "set":
        values = dict(_entry(text) for text in arguments.entries)
        if not values:
            raise ValueError("nothing to set. Write: kbridge config set backend=torch floatx=float32")
        config.save(**values)
        print(f"Written to {config.path()}: " + ", ".join(f"{k}={v}" for k, v in values.items()))
    else:
        found = config.explain()
        width = max(map(len, found))
        for key, (value, origin) in found.items():
            print(f"{key:<{width}}  {value}" + (f"  ({origin})" if arguments.action == "explain" else ""))
    return 0


def _entry(text):
    key, sign, value = text.partition("=")
    if not sign:
        raise ValueError(f"{text!r} is no KEY=VALUE. Write, for instance: kbridge config set backend=torch")
    if key not in config.DEFAULTS:
        raise ValueError(f"there is no entry {key!r}. The entries are: {', '.join(config.DEFAULTS)}.")
    if key == "backend":
        from kbridge.backend import registry

        name = registry.ALIASES.get(value, value)
        if name not in registry.names() and name not in registry.RETIRED:
            raise ValueError(f"unknown backend {value!r}. Known: {', '.join(registry.names())}.")
        return key, name
    return key, float(value) if key == "epsilon" else value
