"""The table of layers compared with Keras: a module for each family, a line for each configuration.

``LAYER_CASES=pooling,core`` in the environment limits a run to these families.
"""

import os
from importlib import import_module
from pathlib import Path

from layer_cases.case import CASES as CASES

_FAMILIES = sorted(path.stem for path in Path(__file__).parent.glob("[a-z]*.py") if path.stem != "case")

for _family in os.environ.get("LAYER_CASES", ",".join(_FAMILIES)).split(","):
    import_module(f"layer_cases.{_family}")
