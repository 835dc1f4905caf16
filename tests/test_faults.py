"""Faults of the machine and of its user: one line, the right status, what was there stays, what was begun goes on."""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import forked
from forked import Forked
from snellen.data.photographs import bundled_photographs

ROOT = Path(__file__).parents[1]
OUT = "run"
TRAIN = "train digits --recipe plain --epochs 5000 --size 8 --batch 64 --device cpu --resume --out run"
COMMANDS = {
    "train": TRAIN,
    "embed": "embed digits --size 224 --out run/features.parquet",
    "attack": "attack photographs --target random --robust --device cpu --out run",
    "stress": "stress photographs --device cpu --out run",
    "features": "features photographs/0.png --examples photographs --device cpu --out run",
    "probe": "probe digits --size 224 --out run",
    "exam": "exam exam.toml --out run",
}
# What ends by itself, and soon: as much is written.
SHORT = {
    "train": TRAIN.replace("5000", "1"),
    "embed": "embed photographs --size 64 --out run/f.parquet",
    "attack": "attack photographs/0.png --target random --robust --steps 2 --device cpu --out run",
    "stress": "stress photographs/0.png --device cpu --out run",
    "features": "features photographs/0.png --device cpu --out run",
    "probe": "probe classes --size 64 --out run",
    "exam": "exam short.toml --out run",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with four small photographs, two classes of smaller ones and an exam's configuration."""
    (tmp_path / "photographs").mkdir()
    for number, shipped in enumerate(bundled_photographs()):
        with Image.open(shipped.path) as image:
            small = image.convert("RGB").crop((0, 0, 240, 240))
        small.save(tmp_path / "photographs" / f"{number}.png")
        (tmp_path / "classes" / "ab"[number % 2]).mkdir(parents=True, exist_ok=True)
        for left in (0, 60, 120):
            small.crop((left, 0, left + 60, 60)).save(tmp_path / "classes" / "ab"[number % 2] / f"{number}-{left}.png")
    for name, part in (("exam", "stress"), ("short", "categories")):
        text = f'photographs = ["photographs"]\ndevice = "cpu"\nparts = ["{part}"]\n'
        (tmp_path / f"{name}.toml").write_text(text, encoding="utf-8")
    return tmp_path


def started(command: str, folder: Path) -> Forked:
    return Forked(*command.split(), cwd=folder)


def ran(command: str, folder: Path) -> subprocess.CompletedProcess:
    return forked.run(*command.split(), cwd=folder)


def last_line(stderr: str) -> str:
    """The last line of standard error, the only one that complains; those before it say how far the command is."""
    *before, last = stderr.strip().splitlines()
    assert not [line for line in before if line.startswith("snellen: ") or "Traceback" in line], stderr
    return last


def held(folder: Path, process: Forked) -> None:
    """Wait until the command holds its folder."""
    end = time.monotonic() + 120
    while not list((folder / OUT).rglob(".snellen.lock")):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.parametrize("name", COMMANDS)
def test_ctrl_c(folder: Path, name: str) -> None:
    """One line, status 130, and nothing half written."""
    with started(COMMANDS[name], folder) as process:
        held(folder, process)
        time.sleep(0.5)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, last_line(stderr)) == (130, "snellen: interrupted")
    # The journal says whose files those are that stay.
    assert {path.name for path in folder.rglob(".*") if path.is_file()} <= {".snellen.files"}


def test_a_second_run_is_refused(folder: Path) -> None:
    with started(COMMANDS["train"], folder) as process:
        held(folder, process)
        for name in ("train", "attack", "stress", "features", "probe", "exam"):
            second = ran(COMMANDS[name], folder)
            assert second.returncode == 2
            assert second.stderr == "snellen: run: another run is writing here (wait for it, or another --out)\n"
        process.kill()
        process.communicate()


@pytest.fixture
def mounted(folder: Path) -> Iterator[Path]:
    """The folder ``run`` as a disk of its own, of 64 KiB."""
    run = folder / OUT
    run.mkdir()
    if shutil.which("mount") is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", run], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"a small disk cannot be mounted here: {done.stderr.strip()}")
    yield run
    subprocess.run(["umount", run], check=True)


@pytest.mark.parametrize("name", SHORT)
def test_a_full_disk(folder: Path, mounted: Path, name: str) -> None:
    (mounted / "earlier.json").write_text("{}", encoding="utf-8")
    (mounted / "filling").write_bytes(bytes(56 << 10))
    done = ran(SHORT[name], folder)
    assert done.returncode == 1
    assert "No space left on device" in last_line(done.stderr)
    assert (mounted / "earlier.json").read_text(encoding="utf-8") == "{}"
    assert not list(mounted.rglob(".*"))


@pytest.mark.parametrize("name", SHORT)
def test_a_folder_that_is_read_only(folder: Path, mounted: Path, name: str) -> None:
    (mounted / "earlier.json").write_text("{}", encoding="utf-8")
    subprocess.run(["mount", "-o", "remount,ro", mounted], check=True)
    done = ran(SHORT[name], folder)
    assert done.returncode == 1
    assert last_line(done.stderr).startswith(f"snellen: {OUT}")
    assert last_line(done.stderr).endswith("cannot be written: Read-only file system")
    assert [path.name for path in mounted.iterdir()] == ["earlier.json"]


@pytest.mark.parametrize(
    ("command", "made"),
    [
        ("attack photographs --untargeted --epsilon 8/255 --device cpu --out run", "attacks.csv"),
        ("embed photographs --size 64 --out run/f.parquet", "f.parquet"),
    ],
)
def test_a_photograph_that_vanishes(folder: Path, command: str, made: str) -> None:
    """One that is listed but gone when its turn comes is named; the others are done."""
    with started(command, folder) as process:
        held(folder, process)
        (folder / "photographs" / "3.png").unlink()
        _, stderr = process.communicate(timeout=200)
    assert (folder / OUT / made).is_file()
    if process.returncode == 2:
        assert stderr.startswith("snellen: ")
        assert stderr.endswith("3.png: no such file\n")
        assert len(stderr.splitlines()) == 1
    else:  # it vanished before it was listed, or after it was read
        assert (process.returncode, stderr) == (0, "")


def test_killed_at_a_random_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A short form of the program that kills fifty times; what it starts is forked."""
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    import faults

    monkeypatch.setattr(faults, "start", started)
    monkeypatch.setitem(faults.COMMANDS, "attack", faults.COMMANDS["attack"] + " --steps 5")
    faults.main(["--kills", "2", "--only", "attack", "--photographs", "3", "--out", str(tmp_path / "faults.json")])
    result = json.loads((tmp_path / "faults.json").read_text(encoding="utf-8"))
    assert result["kills"] == 2
    assert result["commands"]["attack"]["files"] == 9
