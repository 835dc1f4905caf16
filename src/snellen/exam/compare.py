"""Two finished exams side by side: what each found in short, and their figures beside each other."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.errors import InputError
from snellen.exam.cache import CachedAnswer, load_cached
from snellen.exam.compose import provenance_facts
from snellen.exam.parts import PARTS
from snellen.exam.report.document import Block, Fact, FigureRow, Paragraph, Picture, Report, Section, Table
from snellen.exam.report.html import write_html
from snellen.exam.report.pdf import write_pdf
from snellen.runs.files import Run
from snellen.runs.provenance import Provenance


@dataclass(frozen=True)
class Finished:
    """A finished exam: its model's name, the parts that were taken, what it was made with."""

    model: str
    parts: dict[str, CachedAnswer]
    provenance: Provenance


def compare_exams(one: Path, other: Path, out: Path) -> tuple[Path, Path]:
    """Write ``report.pdf`` and ``report.html`` below ``out``; gives their paths.

    Args:
        one: run folder of ``snellen exam``.
        other: likewise.
        out: the run folder of the comparison.

    Raises:
        InputError: a folder without a finished exam, or two exams that share no part.
    """
    run = Run(out)
    left, right = _finished(one), _finished(other)
    shared = [name for name in PARTS if name in left.parts and name in right.parts]
    if not shared:
        raise InputError(f"{one} and {other}: share no part", f"{', '.join(left.parts)}; {', '.join(right.parts)}")
    names = _names(left, right, one, other)
    report = Report(
        title=f"{names[0]} and {names[1]}",
        author="",
        collaborators=(),
        summary=[Fact(names[0], _subject(left)), Fact(names[1], _subject(right))],
        cover=None,
        checklist=(),
        findings=(),
        sections=[_section(name, left.parts[name], right.parts[name], names) for name in shared],
        references=(),
        listings=(),
        provenance=[
            Fact(f"{name}: {fact.name}", fact.value)
            for name, exam in zip(names, (left, right), strict=True)
            for fact in provenance_facts(exam.provenance)
        ],
        paper="a4",
    )
    with run:
        write_pdf(report, out / "report.pdf")
        write_html(report, out / "report.html")
        run.write_manifest(Provenance.collect())
    return out / "report.pdf", out / "report.html"


def _finished(folder: Path) -> Finished:
    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        provenance = Provenance(**manifest["provenance"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder}: holds no finished exam", "a folder that `snellen exam --out` made") from error
    parts = {name: kept for name in PARTS if (kept := load_cached(name, folder)) is not None}
    return Finished(provenance.model, parts, provenance)


def _names(left: Finished, right: Finished, one: Path, other: Path) -> tuple[str, str]:
    """What to call the two: their models, told apart by their folders where those are the same."""
    if left.model != right.model:
        return left.model, right.model
    return f"{left.model} ({one.name})", f"{right.model} ({other.name})"


def _subject(exam: Finished) -> str:
    return f"{exam.provenance.model}, weights {exam.provenance.weights[:16]}, photographs {exam.provenance.data}"


def _section(name: str, left: CachedAnswer, right: CachedAnswer, names: tuple[str, str]) -> Section:
    return Section(name, PARTS[name].title, "", [*_facts(left, right, names), *_pictures(left, right, names)])


def _facts(left: CachedAnswer, right: CachedAnswer, names: tuple[str, str]) -> list[Block]:
    """A table of what was found in short; a warning where the two were not found on the same data."""
    found = [{fact.name: fact.value for fact in kept.answer.facts} for kept in (left, right)]
    rows = [(what, *(facts.get(what, "-") for facts in found)) for what in dict.fromkeys([*found[0], *found[1]])]
    blocks: list[Block] = [Table(("", *names), rows, f"{left.answer.data}.")]
    if left.answer.data != right.answer.data:
        blocks = [
            Paragraph(
                f"Not on the same data, so not to be held against each other: {names[0]} on {left.answer.data}; "
                f"{names[1]} on {right.answer.data}."
            ),
            Table(("", *names), rows, "What each found."),
        ]
    return blocks


def _pictures(left: CachedAnswer, right: CachedAnswer, names: tuple[str, str]) -> list[Block]:
    """The figures that both have, beside each other."""
    others = {picture.path.name: picture for picture in _figures(right)}
    return [
        FigureRow([picture, other], names, _caption(picture.caption, other.caption, names))
        for picture in _figures(left)
        if (other := others.get(picture.path.name)) is not None
    ]


def _caption(left: str, right: str, names: tuple[str, str]) -> str:
    return left if left == right else f"{names[0]}: {left} {names[1]}: {right}"


def _figures(kept: CachedAnswer) -> Sequence[Picture]:
    """The figures of an answer; of several with the same file name, the first."""
    pictures = [block for block in kept.answer.blocks if isinstance(block, Picture)]
    return list({picture.path.name: picture for picture in reversed(pictures)}.values())[::-1]
