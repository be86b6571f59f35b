"""``kbridge doctor``: what is installed, what would be used and why, and what to install."""

import platform
import sys
import time

from kbridge import config
from kbridge.backend import registry


def configure(parser):
    parser.add_argument("--fast", action="store_true", help="do not load the engines, only look whether they are there")


def run(arguments):
    from kbridge import __version__

    print(f"kbridge {__version__}, Python {platform.python_version()} on {platform.system()} ({platform.machine()})")
    print(f"interpreter  {sys.executable}")
    print()
    print("Engines")
    missing, broken = [], []
    for name in registry.names():
        if not registry.is_installed(name):
            missing.append(name)
            print(f'  {name:<11} not installed: pip install "kbridge[{name}]"')
        elif arguments.fast:
            print(f"  {name:<11} installed")
        else:
            begun = time.perf_counter()
            try:
                engine = registry.load(name)
                devices = ", ".join(engine.devices())
            except Exception as error:  # whatever an engine's library raises is what the user must see
                broken.append(name)
                print(f"  {name:<11} does not load: {type(error).__name__}: {error}")
                continue
            print(
                f"  {name:<11} {engine.version():<14} loads in {time.perf_counter() - begun:4.1f} s   "
                f"devices: {devices}   default: {engine.default_device()}"
            )
    print()
    print("Configuration")
    found = config.explain()
    for key, (value, origin) in found.items():
        print(f"  {key:<18} {value:<14} {origin}")
    print()
    return _would_be_used(missing, broken)


def _would_be_used(missing, broken):
    """Say which engine runs where nothing else is said; returns the exit status: 1 if none can."""
    asked, where = config.backend_choice()
    name = registry.canonical(asked)
    if name in registry.RETIRED:
        print(f'Would be used: "{registry.substitute()}", since "{asked}"{where} is no longer made.')
    elif name not in registry.names():
        print(f'Would be used: none. "{asked}"{where} is not known. Known: {", ".join(registry.names())}.')
        return 1
    elif name in missing:
        print(f'Would be used: none. "{name}"{where} is not installed. Write: pip install "kbridge[{name}]"')
        return 1
    elif name in broken:
        print(f'Would be used: none. "{name}"{where} does not load: see above.')
        return 1
    else:
        print(f'Would be used: "{name}"{where or " (the default)"}.')
    return 0
