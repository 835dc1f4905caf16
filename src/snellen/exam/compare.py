"""Two finished exams side by side: what each found in short, and their figures in rows of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.errors import InputError
from snellen.exam.cache import CachedAnswer, load_cached
from snellen.exam.compose import last_made, provenance_facts
from snellen.exam.parts import PARTS, Part
from snellen.exam.report.document import Block, Fact, FigureRow, Paragraph, Picture, Report, Section, Table
from snellen.exam.report.html import write_html
from snellen.exam.report.pdf import write_pdf
from snellen.runs.files import Run
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_json


@dataclass(frozen=True)
class FinishedExam:
    """A finished exam.

    Attributes:
        folder: run folder.
        answers: answers of its parts, by the part's name.
        provenance: what it was made with.
    """

    folder: Path
    answers: Mapping[str, CachedAnswer]
    provenance: Provenance


def compare_exams(
    one: str | Path, other: str | Path, out: str | Path, *, parts: Mapping[str, Part] = PARTS
) -> tuple[Path, Path]:
    """Write ``report.pdf`` and ``report.html`` below ``out``; gives their paths.

    Args:
        one: run folder of an exam.
        other: run folder of another.
        out: run folder of the comparison.
        parts: all parts there are, by name and in order.

    Raises:
        InputError: a folder without a finished exam, or two exams that share no part.
    """
    left, right = _read_exam(Path(one), parts), _read_exam(Path(other), parts)
    shared = [name for name in left.answers if name in right.answers]
    if not shared:
        raise InputError(f"{one} and {other}: share no part", f"{', '.join(left.answers)}; {', '.join(right.answers)}")
    names = _names(left, right)
    with Run(Path(out)) as run:
        report = _report(left, right, shared, names, parts, run.path)
        write_pdf(report, run.path / "report.pdf")
        write_html(report, run.path / "report.html")
        run.write_manifest(Provenance.collect())
    return run.path / "report.pdf", run.path / "report.html"


def _report(
    left: FinishedExam,
    right: FinishedExam,
    shared: Sequence[str],
    names: tuple[str, str],
    parts: Mapping[str, Part],
    out: Path,
) -> Report:
    return Report(
        title=f"{names[0]} and {names[1]}",
        author="",
        collaborators=(),
        summary=[Fact(name, _summary(exam.provenance)) for name, exam in zip(names, (left, right), strict=True)],
        cover=None,
        highlights=(),
        checklist=(),
        findings=(),
        sections=[
            Section(name, parts[name].title, "", _section(name, left, right, names, parts, out)) for name in shared
        ],
        references=(),
        words="",
        listings=(),
        provenance=[
            Fact(f"{name}: {fact.name}", fact.value)
            for name, exam in zip(names, (left, right), strict=True)
            for fact in provenance_facts(exam.provenance)
        ],
        paper="a4",
        made=last_made([*left.answers.values(), *right.answers.values()]),
    )


def _section(
    name: str,
    left: FinishedExam,
    right: FinishedExam,
    names: tuple[str, str],
    parts: Mapping[str, Part],
    out: Path,
) -> list[Block]:
    """What both found in short, what the part itself has to say of the two, and the figures that both have."""
    blocks = _blocks(left.answers[name], right.answers[name], names)
    own = parts[name].compare
    if own is None:
        return blocks
    pictured = next((place for place, block in enumerate(blocks) if isinstance(block, FigureRow)), len(blocks))
    compared = own(left.folder / name, right.folder / name, names, out / name)
    return [*blocks[:pictured], *compared, *blocks[pictured:]]


def _read_exam(folder: Path, parts: Mapping[str, Part]) -> FinishedExam:
    file = folder / "manifest.json"
    try:
        provenance = from_plain(Provenance, read_json(file)["provenance"], str(file))
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{folder}: holds no finished exam", "an exam's run folder") from error
    answers = {name: answer for name in parts if (answer := load_cached(name, folder)) is not None}
    return FinishedExam(folder, answers, provenance)


def _names(left: FinishedExam, right: FinishedExam) -> tuple[str, str]:
    """What to call the two: their models, and where those are the same the ends of their paths that differ."""
    one, other = left.provenance.model, right.provenance.model
    if one != other:
        return one, other
    paths = [exam.folder.resolve().parts for exam in (left, right)]
    for depth in range(1, max(map(len, paths)) + 1):
        ends = [str(Path(*path[-depth:])) for path in paths]
        if ends[0] != ends[1]:
            return f"{one} ({ends[0]})", f"{other} ({ends[1]})"
    return f"{one} (1)", f"{other} (2)"


def _summary(provenance: Provenance) -> str:
    return f"{provenance.model}, weights {provenance.weights[:16]}, photographs {provenance.data}"


def _blocks(left: CachedAnswer, right: CachedAnswer, names: tuple[str, str]) -> list[Block]:
    """A table of what was found in short, with a warning where it was on other data; the figures that both have."""
    one, other = left.answer.data, right.answer.data
    rows = _rows(left, right)
    if one == other:
        return [Table(("", *names), rows, f"{one}."), *_figure_rows(left, right, names)]
    warning = f"Not on the same data, so not to be held against each other: {names[0]} on {one}; {names[1]} on {other}."
    return [
        Paragraph(warning),
        Table(("", *names), rows, "What each found."),
        *_figure_rows(left, right, names),
    ]


def _rows(left: CachedAnswer, right: CachedAnswer) -> list[tuple[str, ...]]:
    """Name and the two values of each finding."""
    one, other = ({fact.name: fact.value for fact in cached.answer.facts} for cached in (left, right))
    return [(name, one.get(name, "-"), other.get(name, "-")) for name in {**one, **other}]


def _figure_rows(left: CachedAnswer, right: CachedAnswer, names: tuple[str, str]) -> list[FigureRow]:
    """The figures that both have, in rows of two."""
    others = {picture.path.name: picture for picture in _figures(right)}
    return [
        FigureRow([picture, other], names, _caption(picture.caption, other.caption, names))
        for picture in _figures(left)
        if (other := others.get(picture.path.name)) is not None
    ]


def _caption(left: str, right: str, names: tuple[str, str]) -> str:
    return left if left == right else f"{names[0]}: {left} {names[1]}: {right}"


def _figures(cached: CachedAnswer) -> Sequence[Picture]:
    """The figures of an answer; of several with the same file name, the first."""
    pictures = [block for block in cached.answer.blocks if isinstance(block, Picture)]
    return list({picture.path.name: picture for picture in reversed(pictures)}.values())[::-1]
