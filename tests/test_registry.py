"""Choosing an engine, bringing one's own, and devices."""

import asyncio
import os
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge.backend import registry
from kbridge.backend.frame import process

ROOT = Path(__file__).parent.parent
now = kbridge.backend.backend


@pytest.fixture(autouse=True)
def _numpy_where_nothing_is_said(monkeypatch):
    monkeypatch.setattr(process, "engine", registry.load("numpy"))


@pytest.fixture
def engines(monkeypatch):
    """The loaded engines, put back as they were."""
    monkeypatch.setattr(registry, "_engines", dict(registry._engines))
    return registry._engines


# -- use_backend


def test_as_a_context_manager():
    with kbridge.use_backend("torch") as engine:
        assert now() == engine.name == "torch"
        with kbridge.use_backend("jax"):
            assert now() == "jax"
            kbridge.set_backend("torch")  # what holds elsewhere
            assert now() == "jax"
        assert now() == "torch"
    assert now() == "torch"
    kbridge.set_backend("numpy")
    assert now() == "numpy"


def test_an_exception_leaves_the_block():
    with pytest.raises(ZeroDivisionError), kbridge.use_backend("torch"):
        with pytest.raises(KeyError), kbridge.use_backend("jax"):
            raise KeyError
        assert now() == "torch"
        1 / 0  # noqa: B018
    assert now() == "numpy"


def test_one_object_may_be_entered_again():
    block = kbridge.use_backend("torch")
    with block, kbridge.use_backend("jax"), block:
        assert now() == "torch"
    with block:
        assert now() == "torch"
    assert now() == "numpy"


def test_names_that_are_short_or_in_capitals():
    for name, expected in (("pytorch", "torch"), ("Torch", "torch"), ("np", "numpy"), ("NumPy", "numpy")):
        with kbridge.use_backend(name):
            assert now() == expected
        assert registry.is_installed(name)


def test_as_a_decorator():
    @kbridge.use_backend("torch")
    def factorial(n):
        """Its documentation."""
        assert now() == "torch"
        return 1 if n == 0 else n * factorial(n - 1)

    assert factorial(4) == 24 and now() == "numpy"
    assert factorial.__name__ == "factorial" and factorial.__doc__ == "Its documentation."

    class Service:
        @kbridge.use_backend("torch")
        def name(self):
            return now()

    assert Service().name() == "torch"

    with pytest.raises(TypeError, match="use_backend cannot decorate the generator .*numbers.*Write: with use_backend"):

        @kbridge.use_backend("torch")
        def numbers():
            yield 1


def test_as_a_decorator_of_a_coroutine():
    @kbridge.use_backend("torch")
    async def ask():
        await asyncio.sleep(0)
        return now()

    async def both():
        return await asyncio.gather(ask(), asyncio.sleep(0, now()), ask()), now()

    assert asyncio.run(both()) == (["torch", "numpy", "torch"], "numpy")


def test_asyncio_tasks_do_not_see_each_others():
    shared = kbridge.use_backend("torch")

    async def work(block, name):
        for _ in range(5):
            with block:
                await asyncio.sleep(0)
                assert now() == name
                total = kbridge.ops.sum(kbridge.ops.ones((3,)))
                assert registry.load(name).is_tensor(total)
                await asyncio.sleep(0)
            assert now() == "numpy"

    async def all_of_them():
        blocks = [(shared, "torch"), (kbridge.use_backend("jax"), "jax"), (shared, "torch")]
        await asyncio.gather(*(work(*block) for block in blocks))

    asyncio.run(all_of_them())


def test_threads_do_not_see_each_others():
    shared, seen, meet = kbridge.use_backend("torch"), [], threading.Barrier(3)

    def work(block, name):
        with block:
            meet.wait(30)
            seen.append(now() == name)
            meet.wait(30)
        seen.append(now() == "numpy")

    blocks = [(shared, "torch"), (kbridge.use_backend("jax"), "jax"), (shared, "torch")]
    threads = [threading.Thread(target=work, args=block) for block in blocks]
    with kbridge.use_backend("jax"):
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert seen == [True] * 6


def test_an_engine_is_loaded_once_however_many_ask(engines, monkeypatch):
    del engines["numpy"]
    made, load = [], registry._import

    def slowly(name, where):
        made.append(name)
        return load(name, where)

    monkeypatch.setattr(registry, "_import", slowly)
    threads = [threading.Thread(target=registry.load, args=("numpy",)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert made == ["numpy"]


# -- engines of others


def test_register(engines):
    known = type(registry.load("numpy"))

    class Mine(known):
        name = "mine"

    with pytest.raises(registry.UnknownBackendError):
        kbridge.use_backend("mine")
    registry.register("Mine", Mine)
    assert "mine" in registry.names() and "mine" in kbridge.available() and registry.is_installed("mine")
    with kbridge.use_backend("MINE") as engine:
        assert type(engine) is Mine and now() == "mine"
        assert kbridge.ops.convert_to_numpy(kbridge.ops.relu(np.array([-1.0, 2.0]))).tolist() == [0.0, 2.0]
    registry.register("another", engine)
    assert registry.load("another") is engine
    with pytest.raises(ValueError, match='Unknown backend "mime". Did you mean "mine"?'):
        kbridge.set_backend("mime")


def distribution(folder, module, code, target):
    """An installed distribution, as pip leaves it, that brings an engine."""
    (folder / f"{module}.py").write_text(textwrap.dedent(code))
    info = folder / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[kbridge.backends]\n{module.removeprefix('kbridge_')} = {target}\n")


def child(code, *folders, **env):
    paths = os.pathsep.join(map(str, [ROOT, ROOT / "backends", *folders]))
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        env={**os.environ, "PYTHONPATH": paths, **env},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_an_installed_package_brings_an_engine(tmp_path):
    code = """
        from kbridge_numpy.engine import NumpyBackend

        class Slate(NumpyBackend):
            name = "slate"

        engine = Slate()
    """.replace("NumpyBackend", type(registry.load("numpy")).__name__)
    distribution(tmp_path, "kbridge_slate", code, "kbridge_slate:engine")
    distribution(tmp_path, "kbridge_chalk", code.replace("slate", "chalk"), "kbridge_chalk:Slate")  # a class will do
    distribution(tmp_path, "kbridge_broken", "import a_library_nobody_has", "kbridge_broken:engine")
    found = child(
        """
        import sys, kbridge
        from kbridge.backend import registry
        print(kbridge.available())
        print([name for name in sys.modules if name.startswith("kbridge_")])
        print(kbridge.backend.backend())
        with kbridge.use_backend("chalk"):
            print(kbridge.backend.backend(), kbridge.ops.convert_to_numpy(kbridge.ops.ones((2,)) * 3.0).tolist())
        try:
            kbridge.use_backend("broken")
        except registry.BackendNotInstalledError as error:
            print(error)
        """,
        tmp_path,
        KERAS_BACKEND="slate",
    )
    assert found[0].startswith("['numpy', ") and all(f"'{name}'" in found[0] for name in ("slate", "chalk", "broken"))
    assert found[1:4] == ["[]", "slate", "chalk [3.0, 3.0]"]
    assert found[4].startswith(
        "The backend \"broken\" of the package kbridge_broken does not load: No module named 'a_library_nobody_has'."
    )


# -- devices


def test_devices(engine):
    found = kbridge.devices()
    assert "cpu:0" in found and engine.default_device() in found
    for name in ("cpu:0", "cpu", "CPU", "CPU:0"):
        with kbridge.device(name) as full:
            x = kbridge.ops.ones((2, 2)) @ kbridge.ops.convert_to_tensor(np.eye(2, dtype="float32"))
            assert full == engine.device_of(x) == "cpu:0"
    for name in ("gpu:99", "tpu", "abacus:0", ""):
        with pytest.raises(ValueError) as raised, kbridge.device(name):
            pass
        assert str(raised.value).startswith(f'The engine "{engine.name}" has no device {name!r}. It has: cpu:0')
    assert now() == engine.name


def test_a_model_on_a_device(engine):
    x = np.ones((8, 3), "float32")
    model = kbridge.Sequential([kbridge.layers.Dense(2)])
    model.compile("sgd", "mse")
    with kbridge.device("cpu:0"):
        model.fit(x, x[:, :2], verbose=0)
        assert model.predict(x, verbose=0).shape == (8, 2)
        assert engine.device_of(model(x)) == "cpu:0"


def engines_with_a_gpu():
    for name in registry.BUILT_IN:
        if registry.is_installed(name):
            with kbridge.use_backend(name):
                if any(device.startswith("gpu") for device in kbridge.devices()):
                    yield name


@pytest.mark.gpu
def test_a_gpu_is_used_by_default_and_the_cpu_when_asked_for():
    found = list(engines_with_a_gpu())
    if not found:
        pytest.skip("no engine sees a GPU")
    x = np.ones((8, 3), "float32")
    for name in found:
        with kbridge.use_backend(name) as engine:
            assert engine.default_device() == "gpu:0"
            assert engine.device_of(kbridge.ops.ones((2,))) == "gpu:0"
            model = kbridge.Sequential([kbridge.layers.Dense(2)])
            model.compile("adam", "mse")
            model.fit(x, x[:, :2], verbose=0)
            assert engine.device_of(model(x)) == "gpu:0"
            on_gpu = model.predict(x, verbose=0)
            for gpu in ("gpu", "gpu:0", "cuda", "cuda:0"):
                with kbridge.device(gpu) as full:
                    assert full == "gpu:0"
            with kbridge.device("cpu"):
                assert engine.device_of(kbridge.ops.ones((2,))) == "cpu:0"
                assert engine.device_of(model(x)) == "cpu:0"
                np.testing.assert_allclose(model.predict(x, verbose=0), on_gpu, rtol=1e-3, atol=1e-3)
                model.fit(x, x[:, :2], verbose=0)
            assert engine.device_of(model(x)) == "gpu:0"
