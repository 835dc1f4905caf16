"""Answers kept in the run folder, so that a part whose inputs did not change is not run again."""

from __future__ import annotations

import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

from snellen.exam.report.document import (
    Answer,
    Block,
    Fact,
    Failed,
    FigureRow,
    Heading,
    Paragraph,
    Picture,
    Points,
    Table,
)
from snellen.runs.files import write_json
from snellen.runs.provenance import fingerprint
from snellen.runs.serialise import to_plain

_FILE = "answer.json"
_KINDS = {"paragraph": Paragraph, "heading": Heading, "points": Points, "table": Table, "failed": Failed}


@dataclass(frozen=True)
class CachedAnswer:
    """An answer as it is kept.

    Attributes:
        answer: what was found.
        made_by: fingerprint of all that decided it; see :func:`cache_key`.
        made: when, as an ISO 8601 text.
        seconds: how long it took.
    """

    answer: Answer
    made_by: str
    made: str
    seconds: float


def cache_key(*what: object) -> str:
    """A fingerprint of ``what``, and of the program itself."""
    return fingerprint(f"{_program()} {what!r}")


@functools.cache
def _program() -> str:
    """Fingerprint of every source file of Snellen: another program may answer otherwise."""
    with resources.as_file(resources.files("snellen")) as folder:
        sources = sorted(path for path in folder.rglob("*") if path.suffix in (".py", ".toml"))
        return fingerprint("".join(fingerprint(path.read_bytes()) for path in sources))


def save_cached(kept: CachedAnswer, part: str, run: Path) -> None:
    """Write ``kept`` into the part's folder below ``run``; pictures below ``run`` are named relative to it."""
    plain = to_plain(kept)
    for block in plain["answer"]["blocks"]:
        for picture in _pictures(block):
            path = Path(picture["path"])
            picture["path"] = str(path.relative_to(run)) if path.is_relative_to(run) else str(path)
    write_json(run / part / _FILE, plain)


def load_cached(part: str, run: Path) -> CachedAnswer | None:
    """What is kept of ``part`` below ``run``; None where nothing is, or not whole, or a picture is gone."""
    try:
        plain = json.loads((run / part / _FILE).read_text(encoding="utf-8"))
        answer = plain.pop("answer")
        blocks = [_block(block, run) for block in answer["blocks"]]
        facts = [Fact(**fact) for fact in answer["facts"]]
        return CachedAnswer(Answer(answer["data"], facts, blocks), **plain)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _block(plain: dict[str, Any], run: Path) -> Block:
    kind = plain.pop("kind")
    if kind == "picture":
        return _picture(plain, run)
    if kind == "beside":
        return FigureRow([_picture(picture, run) for picture in plain.pop("pictures")], **plain)
    block: Block = _KINDS[kind](**plain)
    return block


def _picture(plain: dict[str, Any], run: Path) -> Picture:
    path = run / plain["path"]
    if not path.is_file():
        raise FileNotFoundError(path)
    return Picture(path, plain["caption"], plain["width"])


def _pictures(block: dict[str, Any]) -> Sequence[dict[str, Any]]:
    """The pictures of a block, as plain data."""
    return [block] if block["kind"] == "picture" else block.get("pictures", [])
