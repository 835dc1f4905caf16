"""Finished exams side by side: what each found in short, and their figures in rows of two."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.errors import InputError
from snellen.exam.cache import CachedAnswer, load_cached
from snellen.exam.compose import last_made, provenance_facts
from snellen.exam.contents import CONTENTS, Contents
from snellen.exam.parts import PARTS, Part
from snellen.exam.paths import leads_out
from snellen.exam.report.document import Block, Fact, FigureRow, Paragraph, Picture, Report, Section, Table
from snellen.exam.report.html import write_html
from snellen.exam.report.pdf import write_pdf
from snellen.prose import called
from snellen.runs.files import Run
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_dataclass, read_json


@dataclass(frozen=True)
class FinishedExam:
    """A finished exam.

    Attributes:
        folder: run folder.
        answers: answers of the parts that it took, by the part's name.
        provenance: what it was made with.
    """

    folder: Path
    answers: Mapping[str, CachedAnswer]
    provenance: Provenance


def compare_exams(
    runs: Sequence[str | Path], out: str | Path, *, allowed: Sequence[Path] = (), parts: Mapping[str, Part] = PARTS
) -> tuple[Path, Path]:
    """Write ``report.pdf`` and ``report.html`` below ``out``; gives their paths.

    Args:
        runs: run folders of two exams or more. Where a part holds answers against each other photograph by photograph,
            the first is held against each of the others.
        out: run folder of the comparison.
        allowed: folders in which a data set may be opened that a run names; the runs may be strangers'.
        parts: all parts there are, by name and in order.

    Raises:
        InputError: fewer than two, a folder without a finished exam or with a link that leads out of it, or exams that
            share no part.
    """
    if len(runs) < 2:
        raise InputError(f"{len(runs)} exams to compare", "the run folders of two or more")
    exams = [read_exam(Path(run), parts) for run in runs]
    shared = [name for name in parts if all(name in exam.answers for exam in exams)]
    if not shared:
        raise InputError(
            f"{', '.join(map(str, runs))}: share no part", "; ".join(", ".join(exam.answers) for exam in exams)
        )
    names = _names(exams)
    with Run(Path(out)) as run:
        report = _report(exams, shared, names, parts, run.path, allowed)
        write_pdf(report, run.path / "report.pdf")
        write_html(report, run.path / "report.html")
        run.write_manifest(Provenance.collect())
    return run.path / "report.pdf", run.path / "report.html"


def read_exam(folder: Path, parts: Mapping[str, Part]) -> FinishedExam:
    """The finished exam in a folder, with the parts that it took; what is left there of earlier ones is none of it.

    Raises:
        InputError: there is none, or a link in it leads out of it: the folder may be a stranger's.
    """
    if leads_out(folder, [folder]):
        raise InputError(f"{folder}: holds a link that leads out of it", "an exam's run folder, as an exam leaves it")
    file = folder / "manifest.json"
    try:
        provenance = from_plain(Provenance, read_json(file)["provenance"], str(file))
        taken = read_dataclass(Contents, folder / CONTENTS).parts
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{folder}: holds no finished exam", "an exam's run folder") from error
    found = {name: load_cached(name, folder) for name in parts if name in taken}
    answers = {name: answer for name, answer in found.items() if answer is not None}
    return FinishedExam(folder, answers, provenance)


def _report(
    exams: Sequence[FinishedExam],
    shared: Sequence[str],
    names: Sequence[str],
    parts: Mapping[str, Part],
    out: Path,
    allowed: Sequence[Path],
) -> Report:
    return Report(
        title=" and ".join((", ".join(names[:-1]), names[-1])),
        author="",
        collaborators=(),
        summary=[Fact(name, _summary(exam.provenance)) for name, exam in zip(names, exams, strict=True)],
        cover=None,
        highlights=(),
        checklist=(),
        findings=[
            (f"{parts[part].title}, {name}", text) for part in shared for name, text in _in_short(part, exams, names)
        ],
        sections=[
            Section(name, parts[name].title, "", _section(name, exams, names, parts[name], out / name, allowed))
            for name in shared
        ],
        references=(),
        words="",
        listings=(),
        provenance=[
            Fact(f"{name}: {fact.name}", fact.value)
            for name, exam in zip(names, exams, strict=True)
            for fact in provenance_facts(exam.provenance)
        ],
        paper="a4",
        made=last_made([answer for exam in exams for answer in exam.answers.values()]),
    )


def _section(
    name: str, exams: Sequence[FinishedExam], names: Sequence[str], part: Part, out: Path, allowed: Sequence[Path]
) -> list[Block]:
    """What all found in short, what the part itself has to say of each pair, and the figures that all have."""
    blocks = _blocks([exam.answers[name] for exam in exams], names)
    if part.compare is None:
        return blocks
    pictured = next((place for place, block in enumerate(blocks) if isinstance(block, FigureRow)), len(blocks))
    compared: list[Block] = []
    first, *others = exams
    for number, other in enumerate(others, 1):
        folder = out if len(others) == 1 else out / str(number)
        pair = (names[0], names[number])
        compared += part.compare(first.folder / name, other.folder / name, pair, folder, allowed)
    return [*blocks[:pictured], *compared, *blocks[pictured:]]


def _names(exams: Sequence[FinishedExam]) -> tuple[str, ...]:
    """What to call each: its model, and where several have the same the ends of their paths that differ."""
    models = [called(exam.provenance.model) for exam in exams]
    paths = [exam.folder.resolve().parts for exam in exams]

    def name(number: int) -> str:
        model = models[number]
        alike = [other for other in range(len(exams)) if models[other] == model and other != number]
        if not alike:
            return model
        for depth in range(1, len(paths[number]) + 1):
            end = paths[number][-depth:]
            if all(paths[other][-depth:] != end for other in alike):
                return f"{model} ({Path(*end)})"
        return f"{model} ({number + 1})"

    return tuple(map(name, range(len(exams))))


def _in_short(part: str, exams: Sequence[FinishedExam], names: Sequence[str]) -> list[tuple[str, str]]:
    """What each exam found in short in a part, beside its name; empty where an exam found nothing to say."""
    found = [(name, exam.answers[part].answer.in_short) for name, exam in zip(names, exams, strict=True)]
    return found if all(text for _, text in found) else []


def _summary(provenance: Provenance) -> str:
    return f"{provenance.model}, weights {provenance.weights[:16]}, photographs {provenance.data}"


def _blocks(answers: Sequence[CachedAnswer], names: Sequence[str]) -> list[Block]:
    """A table of what was found in short, with a warning where it was on other data; the figures that all have."""
    data = [one.answer.data for one in answers]
    rows = _rows(answers)
    if len({(one.answer.data, one.answer.content) for one in answers}) == 1:
        return [Table(("", *names), rows, f"{data[0]}."), *_figure_rows(answers, names)]
    each = "; ".join(f"{name} on {one}" for name, one in zip(names, data, strict=True))
    alike = ", though it is called alike" if len(set(data)) == 1 else ""
    return [
        Paragraph(f"Not on the same data{alike}, so not to be held against each other: {each}."),
        Table(("", *names), rows, "What each found."),
        *_figure_rows(answers, names),
    ]


def _rows(answers: Sequence[CachedAnswer]) -> list[tuple[str, ...]]:
    """Name and the value in each of each finding."""
    each = [{fact.name: fact.value for fact in cached.answer.facts} for cached in answers]
    found = dict.fromkeys(name for facts in each for name in facts)
    return [(name, *(facts.get(name, "-") for facts in each)) for name in found]


def _figure_rows(answers: Sequence[CachedAnswer], names: Sequence[str]) -> list[FigureRow]:
    """The figures that all have, in rows of two: of more than two exams the first beside each of the others."""
    first, *others = [{picture.path.name: picture for picture in _figures(one)} for one in answers]
    rows = []
    for file, picture in first.items():
        if not all(file in other for other in others):
            continue
        for name, other in zip(names[1:], others, strict=True):
            titles = (names[0], name)
            rows.append(
                FigureRow([picture, other[file]], titles, _caption(picture.caption, other[file].caption, titles))
            )
    return rows


def _caption(left: str, right: str, names: tuple[str, str]) -> str:
    return left if left == right else f"{names[0]}: {left} {names[1]}: {right}"


def _figures(cached: CachedAnswer) -> Sequence[Picture]:
    """The figures of an answer; of several with the same file name, the first."""
    pictures = [block for block in cached.answer.blocks if isinstance(block, Picture)]
    return list({picture.path.name: picture for picture in reversed(pictures)}.values())[::-1]
