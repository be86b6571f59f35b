"""Hostile and corrupt files: none has an effect, each is refused with one of two exceptions, soon and in little memory.

``python tests/hostile/reader.py`` reads the whole corpus, this one file in seven.
"""

import io
import json
import os
import resource
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest

import kbridge
from kbridge import saving

h5py = pytest.importorskip("h5py")

from hostile import good, kills  # noqa: E402

EVERY = 7
ADVISORIES = {
    *("CVE-2024-3660", "CVE-2025-1550", "CVE-2025-8747", "CVE-2025-9905", "CVE-2025-9906", "CVE-2025-49655"),
    *("CVE-2025-12058", "CVE-2025-12060", "CVE-2026-0897", "CVE-2026-1669", "CVE-2026-1462", "CVE-2026-12479"),
    *("CVE-2026-12481", "GHSA-hqp4-2352-xf5r"),
}
SECONDS, BYTES = 1.0, 200 << 20
needs_linux = pytest.mark.skipif(not os.path.exists("/proc/self/clear_refs"), reason="memory is measured in /proc")


def program(name, *arguments, timeout=300):
    """The lines of JSON that a program of the folder ``hostile`` writes, run on NumPy in a process of its own."""
    folder = Path(__file__).parent / "hostile"
    paths = os.pathsep.join([str(folder.parents[1]), str(folder.parents[1] / "backends")])
    env = {**os.environ, "KBRIDGE_BACKEND": "numpy", "PYTHONPATH": paths}
    command = [sys.executable, str(folder / name), *map(str, arguments)]
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout)
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and lines, f"{done.stderr[-3000:]}\nin the midst of: {lines[-1:]}"
    return lines


def wrong(told):
    """What is wrong with what came of a file."""
    outcome, expected = told["outcome"], told["expected"]
    fine = {"harmless": ("loaded", "unsafe", "corrupt"), "refused": ("unsafe", "corrupt"), "unasked": ("unsafe",)}.get(
        expected, (expected,)
    )
    if told["how"] == "inspect":  # which tells of what it can
        fine = ("loaded", "unsafe", "corrupt")
    found = [] if outcome in fine else [f"{outcome}, not {expected}: {told['why']}"]
    found += told["effects"]
    if told["seconds"] > SECONDS or told["bytes"] > BYTES:
        found.append(f"{told['seconds']:.1f} s, {told['bytes'] >> 20} MB")
    return found


@needs_linux
def test_no_hostile_file_has_an_effect_and_each_is_refused():
    lines = program("reader.py", EVERY)
    read = [told for told in lines if "outcome" in told]
    assert lines[-1] == {"done": True} and len(read) > 1000
    assert {told["advisory"] for told in read} >= ADVISORIES
    found = [(told["name"], told["how"], *wrong(told)) for told in read if wrong(told)]
    assert not found, found[:20]


def test_a_link_in_place_of_one_of_several_files_is_not_followed(tmp_path):
    (tmp_path / "secret.h5").write_bytes(good.file(".weights.h5"))
    (tmp_path / "m_00000.weights.h5").symlink_to(tmp_path / "secret.h5")
    (tmp_path / "m.weights.json").write_text(json.dumps({"weight_map": {"/vars": ["m_00000.weights.h5"]}}))
    with pytest.raises((saving.UnsafeFileError, saving.CorruptFileError), match="m_00000"):
        good.model().load_weights(tmp_path / "m.weights.json")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs os.mkfifo")
def test_what_is_no_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.keras")
    (tmp_path / "m.weights.json").write_text(json.dumps({"weight_map": {"/vars": ["pipe.weights.h5"]}}))
    os.mkfifo(tmp_path / "pipe.weights.h5")
    for path in (tmp_path / "pipe.keras", "/dev/zero", tmp_path / "m.weights.json"):
        for read in (saving.load_model, good.model().load_weights, saving.inspect):
            with pytest.raises((saving.UnsafeFileError, saving.CorruptFileError)):
                read(path)


def _damaged(path, ending):
    """A file of weights of which the last array is damaged, and only its checksum tells."""
    large = [np.full(shape, i, "float32") for i, shape in enumerate([(400, 30), (30,), (30, 80), (80,)])]
    names = [f"layers/{layer}/vars/{i}" for layer in ("dense", "dense_1") for i in range(2)]
    if ending == ".npz":
        np.savez(path, **dict(zip(names, large)))
    else:
        with h5py.File(path, "w") as file:
            for name, array in zip(names, large):
                file.create_dataset(name, data=array, chunks=array.shape, fletcher32=True)
    data = bytearray(path.read_bytes())
    place = data.rfind(large[3].tobytes())
    data[place + 9] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize("ending", [".npz", ".weights.h5"])
def test_a_file_whose_last_array_is_damaged_changes_nothing(tmp_path, ending):
    made = kbridge.Sequential([kbridge.Input((400,)), kbridge.layers.Dense(30), kbridge.layers.Dense(80)])
    before = made.get_weights()
    _damaged(tmp_path / f"damaged{ending}", ending)
    with pytest.raises(saving.CorruptFileError, match="dense_1/vars/1"):
        made.load_weights(tmp_path / f"damaged{ending}")
    for one, other in zip(before, made.get_weights()):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("dtype", ["bool", "int32", "complex64"])
def test_weights_of_another_kind_are_refused_in_old_files_too(tmp_path, dtype):
    path = tmp_path / "model.h5"
    good.model().save_weights(path)
    with h5py.File(path, "r+") as file:
        group = file["dense"]
        name = group.attrs["weight_names"][1]
        del group[name]
        group[name] = np.ones(3, dtype)
    made = good.model()
    before = made.get_weights()
    with pytest.raises((saving.CorruptFileError, saving.UnsafeFileError), match="dense"):
        made.load_weights(path)
    for one, other in zip(before, made.get_weights()):
        np.testing.assert_array_equal(one, other)


def test_names_in_a_file_cannot_write_to_the_terminal(tmp_path):
    path = tmp_path / "x.weights.h5"
    good.model().save_weights(path)
    with h5py.File(path, "r+") as file:
        file["layers/\x1b[2J/vars/0"] = np.ones(1, "float32")
    with pytest.warns(UserWarning, match=r"no place for: .*\\x1b\[2J"):
        good.model().load_weights(path)
    assert "\x1b" not in str(saving.inspect(path))


def test_an_archive_that_is_fetched_writes_only_into_its_folder(tmp_path):
    """CVE-2025-12060, at its own place: get_file(extract=True)."""
    source = tmp_path / "evil.tar"
    with tarfile.open(source, "w") as archive:
        for name, kind in (
            ("../../outside", tarfile.REGTYPE),
            ("link", tarfile.SYMTYPE),
            ("link/through", tarfile.REGTYPE),
        ):
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(tmp_path)
            info.size = 4 if kind == tarfile.REGTYPE else 0
            archive.addfile(info, io.BytesIO(b"evil"[: info.size]))
    before = set(os.listdir(tmp_path)) | {"cache"}
    with pytest.raises(Exception, match=r"outside|link|path|\.\."):
        kbridge.utils.get_file("evil.tar", source.as_uri(), extract=True, cache_dir=str(tmp_path / "cache"))
    assert set(os.listdir(tmp_path)) <= before and not (tmp_path.parent / "outside").exists()


# -- nothing is lost


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_processes_killed_while_they_save_leave_whole_files():
    for told in program("kills.py", 3):
        processes = 2 if told["way"] == "two at once" else 1
        assert told["whole"] == told["killed"] and told["most"] <= processes, told


def _savers(folder):
    """Pairs (path, what writes a model to a file there)."""
    for name in sorted(set(kills.SAVED.values()) - {kills.SAVED["folder"]}):
        path = str(folder / name)
        yield (
            path,
            (lambda made, p=path: (made.save if p.endswith(("model.keras", "model.h5")) else made.save_weights)(p)),
        )


@needs_linux
def test_a_full_disk_leaves_the_old_file_and_says_so(tmp_path):
    made = kills.model(64)
    names = [(path, save) for path, save in _savers(tmp_path) if not path.endswith(("best.keras", "latest.weights.h5"))]
    for path, save in names:
        save(made)
        before = Path(path).read_bytes()
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        for room in (100, len(before) // 2):
            resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
            try:
                with pytest.raises(OSError) as caught:
                    save(made)
            finally:
                resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
            assert path in str(caught.value)
            assert Path(path).read_bytes() == before
    assert sorted(os.listdir(tmp_path)) == sorted(os.path.basename(path) for path, _ in names)


def test_targets_that_cannot_be_written_are_told(tmp_path):
    made = kills.model(4)
    for name in ("a.keras", "a.h5", "a.weights.h5", "a.safetensors", "a.npz"):
        path = tmp_path / "file" / name
        (tmp_path / "file").write_text("a file where a folder should be")
        with pytest.raises(OSError, match=f"{name}|file"):
            (made.save if name in ("a.keras", "a.h5") else made.save_weights)(path)
        (tmp_path / "file").unlink()
        path.mkdir(parents=True)
        with pytest.raises(OSError, match=name):
            (made.save if name in ("a.keras", "a.h5") else made.save_weights)(path)
        path.rmdir()
        path.parent.rmdir()
    assert os.listdir(tmp_path) == []


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_is_read_only_is_told(tmp_path):
    made = kills.model(4)
    path = tmp_path / "model.keras"
    made.save(path)
    before = path.read_bytes()
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PermissionError, match="model.keras"):
            made.save(path)
    finally:
        tmp_path.chmod(0o700)
    assert path.read_bytes() == before


@pytest.mark.parametrize("way", ["keras", "h5", "safetensors"])
def test_several_that_save_to_one_path_do_not_spoil_it(tmp_path, way):
    path = tmp_path / kills.SAVED[way]
    models = [kills.model(20) for _ in range(3)]
    for number, made in enumerate(models, 1):
        kills._fill(made, number)
    failed = []

    def write(made):
        try:
            for _ in range(4):
                (made.save_weights if way == "safetensors" else made.save)(path)
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(made,)) for made in models]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed and os.listdir(tmp_path) == [path.name]
    found = kills.model(20)
    found.load_weights(path)
    values = {float(v) for weight in found.get_weights() for v in np.unique(weight)}
    assert len(values) == 1 and values <= {1.0, 2.0, 3.0}
