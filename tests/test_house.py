"""The house's own rules, held by test: floors, no engine in the frontend, a light import."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kbridge.backend import registry

ROOT = Path(__file__).parent.parent
FRONTEND = sorted(p for p in (ROOT / "kbridge").rglob("*.py"))
LIBRARIES = {"torch", "jax", "tensorflow", *registry.BUILT_IN.values()}
FLOORS = ["config", "backend", "ops", "middle", "layers", "models", "training", "callbacks", "saving", "compat", "cli"]


def imported(tree):
    """(module, line, whether it is imported when the file is) for each import in a file."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for name in node.names:
                yield name.name, node
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module, node
            for name in node.names:
                yield f"{node.module}.{name.name}", node


def test_the_frontend_imports_no_engine():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"
        for path in FRONTEND
        for name, node in imported(ast.parse(path.read_text()))
        if name.partition(".")[0] in LIBRARIES
    ]
    assert found == []


def test_the_frontend_names_no_engine_in_a_branch():
    """Comparing with an engine's name is what a branch on it looks like; only the registry's table may name them."""
    names = set(registry.BUILT_IN)
    found = []
    for path in FRONTEND:
        if path.name == "registry.py":
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, (ast.Compare, ast.Match)):
                words = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant) and isinstance(c.value, str)}
                if words & names and any(w in ast.unparse(node).lower() for w in ("backend", "engine")):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno}: {ast.unparse(node)}")
    assert found == []


def test_engines_import_the_bridge_and_nothing_above_it():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} imports {name}"
        for path in sorted((ROOT / "backends").rglob("*.py"))
        for name, node in imported(ast.parse(path.read_text()))
        if name.partition(".")[0] == "kbridge"
        and name != "kbridge"
        and not name.startswith(("kbridge.backend", "kbridge.config"))
    ]
    assert found == []


@pytest.mark.parametrize(
    ("low", "high"), [("backend", "ops"), ("ops", "layers"), ("layers", "models"), ("models", "cli")]
)
def test_imports_go_down_only(low, high):
    above = {"ops": ("ops", "layers", "models", "training", "cli"), "layers": ("layers", "models", "training", "cli")}
    above = above.get(high, (high, "cli"))
    found = []
    for path in (ROOT / "kbridge" / low).rglob("*.py"):
        tree = ast.parse(path.read_text())
        for node in tree.body:  # what is imported with the file
            for name, _ in imported(ast.Module([node], [])) if isinstance(node, (ast.Import, ast.ImportFrom)) else ():
                if name.startswith(tuple(f"kbridge.{part}" for part in above)):
                    found.append(f"{path.relative_to(ROOT)}:{node.lineno} imports {name}")
    assert found == []


def test_files_can_be_read_in_one_sitting():
    paths = FRONTEND + sorted((ROOT / "backends").rglob("*.py"))
    assert [f"{p}: {n}" for p in paths if (n := len(p.read_text().splitlines())) > 900] == []


def python(code, **env):
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "backends")]), **env}
    for name in ("KBRIDGE_BACKEND", "KERAS_BACKEND"):
        env.setdefault(name, "")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


HEAVY = ("torch", "jax", "tensorflow", "keras", "h5py", "pandas", "scipy")
LOADED = f"print(kbridge.backend.registry._engines.keys(), [m for m in {HEAVY} if m in sys.modules])"


def test_import_loads_no_engine_and_writes_nothing(tmp_path):
    found = python(f"import sys, kbridge; {LOADED}", HOME=str(tmp_path), KERAS_HOME="")
    assert found == "dict_keys([]) []"
    assert list(tmp_path.iterdir()) == []


def test_training_on_numpy_loads_no_other_engine(tmp_path):
    code = f"""
import sys, numpy as np, kbridge
model = kbridge.Sequential([kbridge.layers.Dense(1)])
model.compile("adam", "mse")
model.fit(np.ones((4, 2)), np.ones((4, 1)), verbose=0)
{LOADED}
"""
    assert python(code, HOME=str(tmp_path), KERAS_HOME="") == "dict_keys(['numpy']) []"


def test_how_many_modules_an_import_loads(tmp_path):
    """Work, not time: what decides how long `import kbridge` takes."""
    code = "import sys, numpy; before = set(sys.modules); import kbridge; print(len(set(sys.modules) - before))"
    assert int(python(code, HOME=str(tmp_path), KERAS_HOME="")) < 200


def test_what_is_private_to_a_module_stays_there():
    found = []
    for path in FRONTEND:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("kbridge"):
                found += [
                    f"{path.name}: {a.name}"
                    for a in node.names
                    if a.name.startswith("_")
                    and not a.name.startswith("__")
                    and a.asname != a.name  # shown on purpose: older Keras had names like that
                    and not (ROOT / node.module.replace(".", "/") / f"{a.name}.py").exists()
                ]
    assert not found


# names of arguments that only older generations of Keras have
OLD_ARGUMENTS = {
    *("nb_epoch", "nb_filter", "nb_row", "nb_col", "border_mode", "subsample", "dim_ordering", "inner_init"),
    *("W_regularizer", "b_regularizer", "U_regularizer", "W_constraint", "b_constraint", "inner_activation"),
    *("samples_per_epoch", "nb_val_samples", "nb_worker", "max_q_size", "pickle_safe", "show_accuracy", "dropout_W"),
}


def test_only_the_dialects_know_of_older_generations():
    """Layers, models and training take today's arguments alone; files of all eras are what ``saving`` reads."""
    found = []
    for path in FRONTEND:
        floor = path.relative_to(ROOT / "kbridge").parts[0]
        if floor in ("compat", "cli", "saving"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        words = {node.arg for node in ast.walk(tree) if isinstance(node, (ast.arg, ast.keyword))}
        found += [f"{path.name}: {name}" for name in sorted(words & OLD_ARGUMENTS)]
        found += [f"{path.name}: {name}" for name, _ in imported(tree) if name.startswith("kbridge.compat")]
    assert not found
