"""Files are written whole or not at all, and results become plain JSON."""

import csv
import dataclasses
import errno
import io
import json
import math
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st

from snellen.errors import InputError, SnellenError
from snellen.figures import new_figure, styled
from snellen.runs import files
from snellen.runs.files import Run, atomic_path, write_bytes, write_figure, write_json, write_text
from snellen.runs.provenance import Provenance, cores, fingerprint, hardware
from snellen.runs.serialise import NOT_SERIALISED, from_plain, to_json, to_plain, to_toml
from snellen.runs.table import csv_text, read_csv


def test_a_failure_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "result.json"
    write_text(path, "old")

    def fail() -> None:
        with atomic_path(path) as temporary:
            temporary.write_text("half of the new", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
    write_text(path, "new")
    assert path.read_text(encoding="utf-8") == "new"


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
    assert path.read_text(encoding="utf-8") == "old"


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
    monkeypatch.setattr(files.tempfile, "mkstemp", lambda **_: (os.open("/dev/null", os.O_RDONLY), str(tmp_path / "t")))
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
    manifest = json.loads((tmp_path / "run" / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["files"] == ["part/result.json"]
    assert manifest["provenance"]["seed"] == 3
    assert {"python", "snellen", "torch", "timm"} <= set(manifest["provenance"]["versions"])
    assert "cores" in manifest["provenance"]["hardware"]


def test_hardware_tells_processors_of_one_name_apart(monkeypatch) -> None:
    def cpuinfo(text: str):
        return lambda path, **_: text if str(path) == "/proc/cpuinfo" else ""

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
    with pytest.raises(InputError, match=r"cannot draw a \.gif file \(extensions: \.png, \.svg, \.pdf\)"):
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
        with pytest.raises(InputError, match=r"run: another run is writing here \(wait for it, or another `out`\)"):
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
    assert names_in(tmp_path / "run") == [".snellen.files", "a"]


def test_a_lock_whose_file_is_gone_is_not_held(tmp_path: Path, monkeypatch) -> None:
    """The run before removed its file between our opening and our locking it: we lock the new one."""
    fcntl = pytest.importorskip("fcntl")
    flock, calls = fcntl.flock, []

    def late(file, how) -> None:
        flock(file, how)
        if not calls:
            (tmp_path / ".snellen.lock").unlink()
        calls.append(file)

    monkeypatch.setattr(fcntl, "flock", late)
    with Run(tmp_path), pytest.raises(InputError, match="another run"):
        Run(tmp_path).__enter__()
    assert len(calls) > 2


@dataclasses.dataclass(frozen=True)
class Leaf:
    name: str
    share: float
    count: int | None = None


@dataclasses.dataclass(frozen=True)
class Tree:
    leaves: tuple[Leaf, ...]
    kind: Literal["oak", "elm"]
    box: tuple[int, int]
    by_name: Mapping[str, Leaf]
    grown: bool = False
    where: Path = Path()
    drawn: object = dataclasses.field(default=None, metadata=NOT_SERIALISED)


LEAVES = st.builds(
    Leaf, st.text(max_size=5), st.floats(allow_nan=False, allow_infinity=False), st.none() | st.integers()
)
TREES = st.builds(
    Tree,
    st.lists(LEAVES, max_size=3).map(tuple),
    st.sampled_from(["oak", "elm"]),
    st.tuples(st.integers(), st.integers()),
    st.dictionaries(st.text(max_size=3), LEAVES, max_size=2),
    st.booleans(),
    st.just(Path("a/b")),
)


@given(TREES)
def test_what_was_written_is_read_back(tree: Tree) -> None:
    assert from_plain(Tree, json.loads(to_json(tree)), "t.json") == tree


TOML_VALUES = st.text() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False)
TOML_TABLES = st.recursive(
    st.dictionaries(st.text(max_size=5), TOML_VALUES | st.booleans() | st.lists(TOML_VALUES, max_size=3), max_size=3),
    lambda tables: st.dictionaries(st.text(max_size=5), tables | TOML_VALUES, max_size=3),
    max_leaves=5,
)


@given(TOML_TABLES)
@example({"title": "eyes \N{EYES}", "deleted": "\x7f", "": {"a.b": {}}})
def test_toml_is_what_a_reader_of_toml_reads(table: dict[str, object]) -> None:
    assert tomllib.loads(to_toml({**table, "none": None})) == {k: v for k, v in table.items() if k != "none"}


def test_what_is_not_to_be_written_is_not() -> None:
    tree = Tree((), "oak", (1, 2), {}, drawn=object())
    assert "drawn" not in to_plain(tree)
    assert from_plain(Tree, to_plain(tree), "t.json").drawn is None


def test_a_number_that_was_none_is_none_again() -> None:
    assert math.isnan(from_plain(Leaf, json.loads(to_json(Leaf("a", math.nan))), "t.json").share)


GOOD = to_plain(Tree((Leaf("a", 0.5),), "oak", (1, 2), {"a": Leaf("b", 1.0, 3)}))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"kind": "ash"}, r"t\.json: kind is 'ash' \(oak or elm\)"),
        ({"box": [1, 2, 3]}, r"t\.json: box has 3 entries \(2\)"),
        ({"box": [1, "2"]}, r"t\.json: box\[1\] is '2' \(a whole number\)"),
        ({"grown": 1}, r"t\.json: grown is 1 \(true or false\)"),
        ({"leaves": [{"name": "a", "share": True}]}, r"t\.json, leaves\[0\]: share is True \(a number\)"),
        ({"leaves": [{"share": 1}]}, r"t\.json, leaves\[0\]: lacks name"),
        ({"leaves": 7}, r"t\.json: leaves is 7 \(a list\)"),
        ({"by_name": {"a": []}}, r"t\.json: by_name\.a is \[\]"),
        ({"knd": "oak"}, r"t\.json: unknown key 'knd' \(did you mean kind\?\)"),
        ({"drawn": 1}, r"t\.json: unknown key 'drawn'"),
    ],
)
def test_a_value_of_another_type_is_named(change: dict, said: str) -> None:
    with pytest.raises(InputError, match=said):
        from_plain(Tree, GOOD | change, "t.json")


@dataclasses.dataclass(frozen=True)
class Title:
    text: str
    kind: Literal["title"] = dataclasses.field(default="title", init=False)


@dataclasses.dataclass(frozen=True)
class Line:
    text: str
    kind: Literal["line"] = dataclasses.field(default="line", init=False)


@dataclasses.dataclass(frozen=True)
class Page:
    blocks: tuple[Title | Line, ...]


def test_of_a_union_the_kind_tells_which() -> None:
    page = Page((Line("a"), Title("b"), Line("c")))
    assert from_plain(Page, json.loads(to_json(page)), "t.json") == page
    with pytest.raises(InputError, match=r"t\.json, blocks\[0\]: kind is 'verse'"):
        from_plain(Page, {"blocks": [{"text": "a", "kind": "verse"}]}, "t.json")


def test_no_object_at_all() -> None:
    with pytest.raises(InputError, match=r"t\.json: it is \[1\]"):
        from_plain(Tree, [1], "t.json")


@pytest.mark.parametrize("kind", ["link", "pipe", "notes"])
def test_what_bears_the_name_of_a_lock_and_is_none_is_left_alone(tmp_path: Path, kind: str) -> None:
    lock, target = tmp_path / ".snellen.lock", tmp_path / "diary.txt"
    target.write_text("mine", encoding="utf-8")
    if kind == "link":
        lock.symlink_to(target)
    elif kind == "pipe":
        os.mkfifo(lock)
    else:
        lock.write_text("mine too", encoding="utf-8")
    with pytest.raises(InputError, match=r"\.snellen\.lock: is no lock of ours"), Run(tmp_path):
        pass
    assert target.read_text(encoding="utf-8") == "mine"
    assert os.path.lexists(lock)
    assert kind != "notes" or lock.read_text(encoding="utf-8") == "mine too"


@given(st.lists(st.tuples(st.text(), st.text(alphabet="'=+-@\t\r\n,\"1.e "), st.none() | st.integers()), max_size=4))
@example([("=1+1", "'=1", None), ("-", "-1.5", 3), ("''@a", "'a", 0)])
def test_a_table_is_read_as_it_was_written(rows: list[tuple[str, str, int | None]]) -> None:
    back = read_csv(csv_text(("image", "=name", "count"), rows))
    assert back == [
        {"image": one, "=name": other, "count": "" if number is None else str(number)} for one, other, number in rows
    ]


@pytest.mark.parametrize(
    ("cell", "written"),
    [("=1", "'=1"), ("+a", "'+a"), ("@a", "'@a"), ("-a", "'-a"), ("\ta", "'\ta"), ("'=1", "''=1"), ("-1.5", "-1.5"),
     ("-", "-"), ("'a", "'a"), ("a=b", "a=b"), (-1.5, "-1.5")],
)  # fmt: skip
def test_no_cell_of_a_table_is_a_formula(cell: object, written: str) -> None:
    ((found,),) = list(csv.reader(io.StringIO(csv_text(("head",), [[cell]]))))[1:]
    assert found == written


def test_what_is_no_table_is_said() -> None:
    before = csv.field_size_limit(10)
    try:
        with pytest.raises(InputError, match="is no table: field larger than field limit"):
            read_csv("image\n" + 20 * "a")
    finally:
        csv.field_size_limit(before)
    assert read_csv("a,b\n1\n1,2,3\n") == [{"a": "1", "b": ""}, {"a": "1", "b": "2"}]
