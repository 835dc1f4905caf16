"""Answers cached in the run folder, so that a part whose inputs did not change is not run again."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from snellen.errors import InputError
from snellen.exam.context import Context
from snellen.exam.parts import Part
from snellen.exam.report.document import PICTURE_TYPES, Answer, with_paths
from snellen.runs import ledger
from snellen.runs.files import write_bytes, write_json
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import read_dataclass

_FILE = "answer.json"


@dataclass(frozen=True)
class CachedAnswer:
    """An answer with what it takes to know whether it still holds.

    Attributes:
        answer: findings of the part.
        cache_key: fingerprint of all that decided it; see :func:`cache_key`.
        made: time of the answer, as an ISO 8601 text.
        seconds: time that the part took.
    """

    answer: Answer
    cache_key: str
    made: str
    seconds: float


def cache_key(name: str, context: Context, parts: Mapping[str, Part]) -> str:
    """A fingerprint of all that decides a part's answer: program, classifier, seed, its inputs and its needs' inputs.

    Raises:
        SnellenError, OSError: an input cannot be read.
    """
    inputs = [parts[one].inputs(context) for one in (*parts[name].needs, name)]
    return fingerprint(repr((_program(), name, context.classifier.cache_key(), context.seed, inputs)))


@functools.cache
def _program() -> str:
    """Fingerprint of every source file of Snellen: another program may answer otherwise."""
    with resources.as_file(resources.files("snellen")) as folder:
        sources = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".toml"))
        return fingerprint("".join(fingerprint(path.read_bytes()) for path in sources))


def save_cached(cached: CachedAnswer, part: str, run: Path) -> CachedAnswer:
    """Write ``cached`` into the part's folder below ``run``; pictures are named relative to it.

    Those that lie elsewhere, such as a training run's, are copied into the part's folder.

    Returns:
        The answer with its pictures where ``run`` has them.
    """

    def below(path: Path) -> Path:
        if path.is_relative_to(run):
            return path.relative_to(run)
        copy = run / part / f"{fingerprint(str(path.resolve()))[:8]}-{path.name}"
        write_bytes(copy, path.read_bytes())
        return copy.relative_to(run)

    kept = _with_paths(cached, below)
    write_json(run / part / _FILE, kept)
    return _with_paths(kept, lambda path: run / path)


def remove_cached(part: str, run: Path) -> None:
    """Remove the cached answer of ``part`` below ``run``, where there is one that a run made."""
    ledger.remove(run / part / _FILE)


def remove_pictures(earlier: CachedAnswer, cached: CachedAnswer, part: str, run: Path) -> None:
    """Remove what an earlier answer of ``part`` below ``run`` shows and its present one does not."""
    folder = (run / part).resolve()
    for path in _pictures(earlier) - _pictures(cached):
        if path.is_relative_to(folder):
            ledger.remove(path)


def _pictures(cached: CachedAnswer) -> set[Path]:
    found: set[Path] = set()

    def noted(path: Path) -> Path:
        found.add(path.resolve())
        return path

    _with_paths(cached, noted)
    return found


def load_cached(part: str, run: Path) -> CachedAnswer | None:
    """The cached answer of ``part`` below ``run``.

    None where there is none, or it is damaged, or a picture is gone, is none by its ending, or lies outside of ``run``,
    links followed: a run may be a stranger's.
    """
    home = run.resolve()

    def existing(path: Path) -> Path:
        picture = (run / path).resolve()
        if not picture.is_file() or not picture.is_relative_to(home) or path.suffix.lower() not in PICTURE_TYPES:
            raise FileNotFoundError(path)
        return run / path

    try:
        return _with_paths(read_dataclass(CachedAnswer, run / part / _FILE), existing)
    except (OSError, InputError):
        return None


def _with_paths(cached: CachedAnswer, path_of: Callable[[Path], Path]) -> CachedAnswer:
    answer = cached.answer
    blocks = tuple(with_paths(block, path_of) for block in answer.blocks)
    highlight = answer.highlight and replace(answer.highlight, path=path_of(answer.highlight.path))
    return replace(cached, answer=replace(answer, blocks=blocks, highlight=highlight))
