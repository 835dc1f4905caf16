"""A short run of the fuzzer, and what its long runs found."""

import os
import signal
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from fuzz.mutate import CHANGES, mutated
from fuzz.run import SuccessRates, fuzz
from fuzz.targets import BrokenRuleError, Target, targets, tried_bytes
from snellen.errors import ImageError
from snellen.runs.process import quiet_libraries

TARGETS = targets()
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*/*"))


@pytest.mark.parametrize("name", TARGETS)
def test_seeds_are_read(name: str) -> None:
    for data in TARGETS[name].pool:
        assert tried_bytes(TARGETS[name], data) is None


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_corpus(path: Path, capfd) -> None:
    """The smallest file of each kind of refusal is refused in one line that names it, and nothing else is said."""
    quiet_libraries()  # as every surface does
    assert tried_bytes(TARGETS[path.parent.name], path.read_bytes())
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("name", TARGETS)
def test_a_short_run(name: str, tmp_path: Path) -> None:
    """Two hundred files of each format, with another seed than the long run's."""
    said: list[str] = []
    (account,) = fuzz([TARGETS[name]], 200, 1, 1, tmp_path / "state.json", said.append).values()
    assert account.findings == []
    assert account.accepted + account.refused == 200
    assert account.accepted > 0
    assert account.refused > 0
    assert len(said) == 1
    # Nothing is left to do, and nothing is counted twice.
    (again,) = fuzz([TARGETS[name]], 200, 1, 1, tmp_path / "state.json", said.append).values()
    assert again.accepted + again.refused == 200
    assert len(said) == 1


def test_files_are_made_again() -> None:
    jpeg = TARGETS["JPEG"]
    files = [jpeg.file(0, number) for number in range(100)]
    assert files == [jpeg.file(0, number) for number in range(100)]
    assert len(set(files)) > 90
    assert files[:10] != [jpeg.file(1, number) for number in range(10)]


@pytest.mark.parametrize("change", CHANGES)
def test_changes_take_any_bytes(change: Callable[..., None]) -> None:
    for number in range(200):
        draw = Random(number)
        data = bytearray(draw.randbytes(draw.choice((0, 1, 3, 50))))
        change(draw, data, [b"", b"other"])
    assert mutated(Random(0), [b""]) is not None


class Misbehaving(Target):
    """Breaks each rule once."""

    def __init__(self, at: dict[int, Callable[[], None]]) -> None:
        super().__init__("bad", "bin", [b"seed"], (), self._misbehave, ImageError)
        object.__setattr__(self, "at", at)

    def file(self, seed: int, number: int) -> bytes:  # noqa: ARG002
        return bytes([number])

    def _misbehave(self, path: Path) -> None:
        self.at.get(path.read_bytes()[0], lambda: None)()  # type: ignore[attr-defined]


def refuse(text: str) -> None:
    raise ImageError(text)


def endless() -> None:
    while True:
        pass


def test_broken_rules_are_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("fuzz.run.SECONDS", 0.2)
    bad = Misbehaving(
        {
            1: lambda: os.kill(os.getpid(), signal.SIGSEGV),
            3: endless,
            4: lambda: refuse("somewhere: two\nlines"),
            5: lambda: refuse("nameless"),
            6: lambda: [][0],
            7: lambda: os.write(2, b"a library speaks") and None,
            9: lambda: bytearray(4 << 30) and None,
        }
    )
    (account,) = fuzz([bad], 11, 0, 1, tmp_path / "state.json", lambda _: None).values()
    found = sorted((number, kind) for kind, number, _ in account.findings)
    assert found == [(1, "crash"), (3, "hang"), (4, "rule"), (5, "rule"), (6, "rule"), (7, "noise"), (9, "rule")]
    assert isinstance(account, SuccessRates)
    assert account.accepted + account.refused == 9


def test_the_rule_names_what_it_saw() -> None:
    with pytest.raises(BrokenRuleError, match="IndexError"):
        tried_bytes(Misbehaving({0: lambda: [][0]}), b"\0")
