"""Files are written whole or not at all, and results become plain JSON."""

import dataclasses
import errno
import json
import math
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from snellen import runs
from snellen.errors import InputError, SnellenError
from snellen.figures import new_figure, styled
from snellen.runs.files import Run, atomic_path, write_bytes, write_figure, write_json, write_text
from snellen.runs.provenance import Provenance, cores, fingerprint, hardware
from snellen.runs.serialise import to_json


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the new")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text() == "new"


def test_a_kill_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")
    program = (
        "import sys, pathlib, time\nfrom snellen.runs.files import atomic_path\n"
        "with atomic_path(pathlib.Path(sys.argv[1])) as temporary:\n"
        "    temporary.write_text('half')\n    print('ready', flush=True)\n    time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program, path], stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        process.send_signal(signal.SIGKILL)
    assert path.read_text() == "old"


def test_files_are_readable_by_others(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a", b"1")
    (tmp_path / "b").touch()
    assert (tmp_path / "a").stat().st_mode == (tmp_path / "b").stat().st_mode


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SnellenError, match="cannot be written: ") as caught:
        write_text(tmp_path / "file" / "result.json", "{}")
    assert caught.value.exit_status == 1
    with pytest.raises(SnellenError, match="is not a folder"):
        Run(tmp_path / "file")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full on this system")
def test_a_full_disk(tmp_path: Path, monkeypatch) -> None:
    """Every write to the temporary file meets a device without space."""
    monkeypatch.setattr(runs.tempfile, "mkstemp", lambda **_: (os.open("/dev/null", os.O_RDONLY), str(tmp_path / "t")))
    (tmp_path / "t").symlink_to("/dev/full")
    with pytest.raises(SnellenError, match="No space left on device"):
        write_text(tmp_path / "result.json", "x" * 100_000)
    assert not (tmp_path / "result.json").exists()


@dataclasses.dataclass(frozen=True)
class Inner:
    value: float
    array: np.ndarray


def test_to_json() -> None:
    value = {
        "inner": Inner(0.5, np.array([[1, 2]])),
        "tensor": torch.tensor([1.5]),
        "path": Path("a/b"),
        "nan": math.nan,
        "several": (np.float32(2), True, None, "é"),
    }
    assert json.loads(to_json(value)) == {
        "inner": {"value": 0.5, "array": [[1, 2]]},
        "tensor": [1.5],
        "path": "a/b",
        "nan": None,
        "several": [2.0, True, None, "é"],
    }


def test_manifest(tmp_path: Path) -> None:
    run = Run(tmp_path / "run")
    write_text(tmp_path / "run" / "part" / "result.json", "{}")
    run.write_manifest(Provenance.collect(model="m", weights="w", data="d", seed=3))
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text())
    assert manifest["files"] == ["part/result.json"]
    assert manifest["provenance"]["seed"] == 3
    assert {"python", "snellen", "torch", "timm"} <= set(manifest["provenance"]["versions"])
    assert "cores" in manifest["provenance"]["hardware"]


def test_hardware_tells_processors_of_one_name_apart(monkeypatch) -> None:
    def cpuinfo(text: str):
        return lambda path: text if str(path) == "/proc/cpuinfo" else ""

    one = "processor\t: 0\ncpu family\t: 6\nmodel\t\t: 1\nmodel name\t: AMD EPYC\nflags\t\t: a b\n"
    monkeypatch.setattr(Path, "read_text", cpuinfo(one + "\n" + one))
    hardware.cache_clear()
    assert hardware() == f"AMD EPYC (family 6, model 1), {cores()} cores"
    hardware.cache_clear()
    monkeypatch.setattr(Path, "read_text", cpuinfo("Hardware\t: a board\n"))
    assert hardware().endswith(f", {cores()} cores")
    assert "family" not in hardware()
    hardware.cache_clear()


def test_fingerprint() -> None:
    assert fingerprint("a") == fingerprint(b"a") != fingerprint("b")


def figure_with_a_line():
    with styled():
        figure = new_figure(2, 1)
        figure.subplots().plot([0, 1], [1, 0])
    return figure


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_figures_are_the_same_bytes_each_time(tmp_path: Path, ending: str) -> None:
    paths = [tmp_path / f"{number}.{ending}" for number in range(2)]
    for path in paths:
        write_figure(path, figure_with_a_line())
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_a_figure_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot draw a \.gif file \(endings: \.png, \.svg, \.pdf\)"):
        write_figure(tmp_path / "a.gif", figure_with_a_line())
    write_json(tmp_path / "a.json", [])


HOLDER = (
    "import sys, pathlib, time\nfrom snellen.runs.files import Run\n"
    "with Run(pathlib.Path(sys.argv[1])):\n    print('held', flush=True)\n    time.sleep(60)\n"
)


def holder_of(folder: Path) -> subprocess.Popen:
    """Another process that writes to ``folder``."""
    process = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "held\n"
    return process


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_two_runs_in_one_folder(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    with holder_of(folder) as process:
        with pytest.raises(InputError, match=r"run: another run is writing here \(wait for it, or another --out\)"):
            Run(folder).__enter__()
        process.send_signal(signal.SIGKILL)
        process.wait()
        with Run(folder):
            pass
    with Run(folder) as run, Run(folder / "seed-1"):
        write_text(folder / "result.json", "{}")
        run.write_manifest(None)
    assert names_in(folder) == ["manifest.json", "result.json"]


def test_a_run_that_made_nothing_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyError), Run(tmp_path / "run"):
        raise KeyError
    assert list(tmp_path.iterdir()) == []
    with Run(tmp_path):
        pass
    assert tmp_path.is_dir()


def test_half_written_files_of_a_killed_run_are_swept_up(tmp_path: Path) -> None:
    (tmp_path / ".unfinished-abc.png").touch()
    (tmp_path / ".settings").touch()
    with Run(tmp_path):
        pass
    assert names_in(tmp_path) == [".settings"]


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch) -> None:
    fcntl = pytest.importorskip("fcntl")

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with Run(tmp_path / "run"):
        write_text(tmp_path / "run" / "a", "")
    assert names_in(tmp_path / "run") == ["a"]


def test_a_lock_whose_file_is_gone_is_not_held(tmp_path: Path, monkeypatch) -> None:
    """The run before removed its file between our opening and our locking it: we lock the new one."""
    fcntl = pytest.importorskip("fcntl")
    flock, calls = fcntl.flock, []

    def late(file, how) -> None:
        flock(file, how)
        if not calls:
            (tmp_path / ".lock").unlink()
        calls.append(file)

    monkeypatch.setattr(fcntl, "flock", late)
    with Run(tmp_path), pytest.raises(InputError, match="another run"):
        Run(tmp_path).__enter__()
    assert len(calls) == 2
