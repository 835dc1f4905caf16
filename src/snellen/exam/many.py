"""Many exams in one run: each in its own folder, what they share made once, and one table of all."""

from __future__ import annotations

import datetime
import functools
import os
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from snellen.data.images import is_left_behind
from snellen.errors import InputError, SnellenError
from snellen.exam.config import ExamConfig, read_exam_config
from snellen.exam.contents import CLASS, CONTENTS, Contents, check_no_exam
from snellen.exam.context import distinct_names
from snellen.exam.parts import PARTS, Part
from snellen.exam.report.document import Block, Fact, Paragraph, Report, Section, Table
from snellen.exam.report.html import write_html
from snellen.exam.run import ExamResult, Shared, run_exam
from snellen.exam.twins import files_in_common
from snellen.prose import counted
from snellen.runs.files import Run, as_taken, free_name, write_json, write_text
from snellen.runs.ledger import MANIFEST
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_dataclass, read_json
from snellen.runs.table import csv_text
from snellen.runs.text import composed

TABLE = "class"
"""Name of the table's files, without their ending."""
_TARGET = "target"
"""A finding that has a column of its own."""
_NO_FOLDERS = ("", ".", "..", MANIFEST, *(f"{TABLE}.{ending}" for ending in ("csv", "json", "html")))


@dataclass(frozen=True)
class Entry:
    """One configuration's line of the table.

    Attributes:
        name: name of the configuration, and of its run folder.
        author: whom it says it is by.
        model: model that it examines; empty where it came to nothing.
        weights: SHA-256 of the model's weights.
        photographs: fingerprint of its photographs.
        findings: findings in short, by the part's title and the finding's name; those of single photographs left out.
        problems: one line for each part that failed and each photograph that could not be read; or why it came to
            nothing.
        status: 0 where there is no problem, 2 where inputs were bad, 1 for any other failure.
        student: name that decided what was drawn; empty where the seed alone did.
        target: class that its attack was to show; empty where it came to nothing.
        same_photographs: names of the others with some of the same photographs, and how many.
        same_attacks: names of the others with some of the same attacked files, and how many.
        configuration: where the configuration lies, from the folder of the table; empty in tables that do not say it.
    """

    name: str
    author: str
    model: str
    weights: str
    photographs: str
    findings: Mapping[str, str]
    problems: tuple[str, ...]
    status: int
    student: str = ""
    target: str = ""
    same_photographs: Mapping[str, int] = field(default_factory=dict)
    same_attacks: Mapping[str, int] = field(default_factory=dict)
    configuration: str = ""


@dataclass(frozen=True)
class _Table:
    """What ``class.json`` holds."""

    lines: tuple[Entry, ...]


def run_exams(
    configurations: Sequence[str | Path],
    out: str | Path,
    *,
    allowed: Sequence[Path] = (),
    change: Callable[[ExamConfig], ExamConfig] = lambda config: config,
    replaced: Collection[str] = (),
    parts: Mapping[str, Part] = PARTS,
    progress: Progress = SILENT,
) -> tuple[Entry, ...]:
    """Take an exam for each configuration, into a folder of its name below ``out``; write ``class.csv``, ``.json``,
    ``.html``.

    One that cannot be taken does not stop the rest, and the table has each as soon as it was taken. What earlier runs
    took into ``out``, and is still there, keeps its lines of the table. Each model is loaded once, and a part whose
    inputs are the same in two of them is taken once. What was taken into ``out`` before is not taken again.
    Configurations of a class are strangers': each names files below its own folder only.

    Args:
        configurations: TOML files, each once.
        out: run folder of them all.
        allowed: further folders that each of them may name files of.
        change: applied to each configuration that was read.
        replaced: keys whose files ``change`` puts others in place of, so that what a configuration names is not opened.
        parts: all parts there are, by name and in order.
        progress: told which exam begins, what :func:`snellen.run_exam` tells, and how many lines were kept.

    Returns:
        The line of each of these configurations.

    Raises:
        InputError: another run is writing to ``out``, or it holds a single exam, or files that no run made; or a
            configuration's name cannot be a folder's, see :func:`folder_names`.
        SnellenError: ``out`` cannot be written to.
    """
    shared = Shared()
    entries: list[Entry] = []
    given = [str(path) for path in configurations]
    folder_names(given)  # refuses before anything is made
    check_no_exam(Path(out))
    with Run(Path(out)) as run:
        earlier = _earlier(run.path, progress)
        names = folder_names(given, _configurations(earlier, run.path))
        # Before the first and after each: whatever ends a class's hours, the table has what is there then.
        table = _write_table(earlier, entries, run.path)
        for path, name in names.items():
            progress.note(f"{name}:")
            read = functools.partial(read_exam_config, path, parts, allowed, replaced)
            entry = _entry(name, read, run.path / name, change, parts, progress, shared)
            entries.append(replace(entry, configuration=os.path.relpath(path, run.path)))
            table = _write_table(earlier, entries, run.path)
        kept = table[: len(table) - len(entries)]
        if kept:
            exams = counted(len(kept), "earlier exam")
            progress.note(f"{TABLE}.csv keeps the {'line' if len(kept) == 1 else 'lines'} of {exams} in {out}")
        run.write_manifest(Provenance.collect())
    return table[len(kept) :]


def _write_table(earlier: Sequence[Entry], taken: Sequence[Entry], out: Path) -> tuple[Entry, ...]:
    """Write the table of the exams that were taken just now, after those of before that they do not replace."""
    names = {one.name for one in taken}
    table = _with_twins([*(one for one in _standing(earlier, out) if one.name not in names), *taken], out)
    write_json(out / CLASS, table)
    write_text(out / f"{TABLE}.csv", to_csv(table))
    write_html(_report(table), out / f"{TABLE}.html")
    return table


def _earlier(out: Path, progress: Progress) -> list[Entry]:
    """The table's lines of before, as far as their exams are still there."""
    file = out / CLASS
    if not file.exists():
        return []
    try:
        return _standing(from_plain(_Table, {"lines": read_json(file)}, str(file)).lines, out)
    except InputError as error:
        progress.note(f"{file}: the lines of earlier exams are lost: {error}")
        return []


def _configurations(lines: Sequence[Entry], out: Path) -> dict[str, str]:
    """The earlier configurations that are still where they were, and the names of their folders."""
    places = {os.path.normpath(out / one.configuration): one.name for one in lines if one.configuration}
    return {place: name for place, name in places.items() if Path(place).is_file()}


def is_class(folder: Path) -> bool:
    """Whether a folder is that of a class, whose exams have their folders in it."""
    return (folder / CLASS).is_file()


def exams_in(folder: Path) -> list[Path]:
    """The finished exams in the folder of a class, sorted; of a folder that is no class's itself.

    One that is in the class's folder itself stands for none of the others: it comes before them.
    """
    if not is_class(folder):
        return [folder]
    found = [one for one in (folder, *sorted(folder.iterdir())) if (one / CONTENTS).is_file()]
    return found or [folder]


def is_table(path: Path) -> bool:
    """Whether a file is one of those that stand beside the exams in the folder of a class, or the system's there."""
    beside = path.name in _NO_FOLDERS or is_left_behind(path.name)
    return beside and path.is_file() and is_class(path.parent)


def configurations_of(name: str, folder: Path) -> list[Path]:
    """The configurations in ``folder``, or one folder further down, whose exam goes to a folder of that name.

    The one that is called so; else those that are where the names of their folders are part of it. However accents are
    written, a name is one.
    """
    plain = folder / f"{name}.toml"
    found = [plain] if plain.is_file() else sorted([*folder.glob("*.toml"), *folder.glob("*/*.toml")])
    return [one for one in found if composed(name) in map(composed, _names_of(one.absolute()))]


def _names_of(configuration: Path) -> list[str]:
    """What the folder of a configuration may be called: its name, with more and more of its path before it."""
    parts = configuration.with_suffix("").parts[1:]
    return ["_".join(parts[start:]) for start in range(len(parts))]


def _standing(lines: Sequence[Entry], out: Path) -> list[Entry]:
    return [one for one in lines if _is_folder_name(one.name) and (out / one.name / CONTENTS).is_file()]


def _is_folder_name(name: str) -> bool:
    """Whether a configuration of that name could have a run folder beside the table."""
    return name.casefold() not in _NO_FOLDERS and Path(name).name == name


def folder_names(configurations: Sequence[str], earlier: Mapping[str, str] | None = None) -> dict[str, str]:
    """The name of each configuration's run folder: the end of its path, numbered where several would be one.

    Capitals do not tell them apart, nor does how accents are written, as they do not on every file system. A
    configuration keeps the folder that an earlier run gave it, and no other gets it.

    Args:
        configurations: paths of the configurations.
        earlier: the names of folders by the paths of the configurations that they are of.

    Raises:
        InputError: a configuration that is called as a file of the table is, or whose folder would be another's.
    """
    names: dict[str, str] = {}
    earlier = earlier or {}
    of_earlier = {os.path.realpath(path): name for path, name in earlier.items()}
    taken = set(map(as_taken, earlier.values()))
    distinct_ends = distinct_names([*configurations, *earlier])
    for path in dict.fromkeys(configurations):
        kept = of_earlier.get(os.path.realpath(path))
        if path not in distinct_ends or kept in names.values():  # the same file by another way
            continue
        if kept is not None:
            names[path] = kept
            continue
        name = distinct_ends[path].replace("/", "_").removesuffix(".toml")
        if name.casefold() in _NO_FOLDERS:
            raise InputError(f"{path}: its folder cannot be called {name!r}", "another name for the file")
        names[path] = free_name(name, "", taken)
    return names


def to_csv(entries: Sequence[Entry]) -> str:
    """A line for each configuration, a column for each finding that any of them has."""
    columns = _findings(entries)
    head = (
        "configuration", "author", "student", "status", "model", "weights", "photographs", "target", "same photographs",
        "same attacks",
    )  # fmt: skip
    rows = []
    for one in entries:
        same = (with_counts(one.same_photographs), with_counts(one.same_attacks))
        said = (one.status, one.model, one.weights, one.photographs, one.target)
        cells = (one.name, one.author, one.student, *said, *same)
        rows.append((*cells, *(one.findings.get(name, "") for name in columns), "; ".join(one.problems)))
    return csv_text((*head, *columns, "problems"), rows)


def with_counts(same: Mapping[str, int]) -> str:
    """The names of other exams, with how many files each has in common: ``ada (3), bob (1)``."""
    return ", ".join(f"{name} ({count})" for name, count in same.items())


def _entry(
    name: str,
    read: Callable[[], ExamConfig],
    out: Path,
    change: Callable[[ExamConfig], ExamConfig],
    parts: Mapping[str, Part],
    progress: Progress,
    shared: Shared,
) -> Entry:
    author = student = ""
    try:
        config = change(read())
        author, student = config.author, config.student
        result = run_exam(config, out, parts=parts, progress=progress, shared=shared)
    except SnellenError as error:
        return Entry(name, author, "", "", "", {}, (str(error),), error.exit_status, student)
    except Exception as error:
        # Whatever went wrong in one exam, the others are still to be taken.
        return Entry(name, author, "", "", "", {}, (f"{type(error).__name__}: {error}",), 1, student)
    made = result.provenance
    problems = (*result.failed, *result.unreadable)
    status = 1 if result.failed else 2 if result.unreadable else 0
    found = _in_short(result)
    return Entry(name, author, made.model, made.weights, made.data, found, problems, status, student, result.target)


def _in_short(result: ExamResult) -> dict[str, str]:
    return {
        f"{title}: {fact.name}": fact.value
        for title, facts in result.facts
        for fact in facts
        if fact.name not in (*result.photographs, _TARGET)
    }


def _with_twins(entries: Sequence[Entry], out: Path) -> tuple[Entry, ...]:
    """The entries, each with the names of those that have photographs or attacked files in common with it."""
    # What came to nothing has no model; its folder may hold an earlier exam.
    contents = {one.name: _contents_of(out / one.name) for one in entries if one.model}
    photographs = _in_common({name: _photographs_in(one) for name, one in contents.items()})
    attacks = _in_common({name: _attacked_in(one) for name, one in contents.items()})
    return tuple(
        replace(one, same_photographs=photographs.get(one.name, {}), same_attacks=attacks.get(one.name, {}))
        for one in entries
    )


def _contents_of(folder: Path) -> Contents:
    """What a finished exam's folder holds, as it says itself; nothing where it cannot be read."""
    try:
        return read_dataclass(Contents, folder / CONTENTS)
    except SnellenError:
        return Contents({}, {})


def _photographs_in(contents: Contents) -> list[str]:
    return [contents.digests[copy] for copy in contents.photographs.values() if copy in contents.digests]


def _attacked_in(contents: Contents) -> list[str]:
    return [one for name, one in contents.digests.items() if name.endswith("adversarial.png")]


def _in_common(digests: Mapping[str, Sequence[str]]) -> dict[str, dict[str, int]]:
    """For each name the others that have files in common with it, and how many."""
    found: dict[str, dict[str, int]] = {name: {} for name in digests}
    for one, other, count in files_in_common(digests):
        found[one][other] = found[other][one] = count
    return found


def _findings(entries: Sequence[Entry]) -> list[str]:
    return list(dict.fromkeys(name for one in entries for name in one.findings))


def _report(entries: Sequence[Entry]) -> Report:
    problems = sum(one.status != 0 for one in entries)
    rows = [
        (
            one.name, one.author, one.student, one.target, "; ".join(one.problems) or "none",
            with_counts(one.same_attacks), with_counts(one.same_photographs), one.model,
        )
        for one in entries
    ]  # fmt: skip
    columns = (
        "configuration",
        "author",
        "student",
        "target",
        "problems",
        "attacked files in common with",
        "photographs in common with",
        "model",
    )
    caption = "Each configuration. class.csv has the weights' digests and the photographs' fingerprints too."
    blocks: list[Block] = [Table(columns, rows, caption)]
    titles = dict.fromkeys(name.partition(": ")[0] for name in _findings(entries))
    for title in titles:
        names = [name for name in _findings(entries) if name.startswith(f"{title}: ")]
        head = [name.partition(": ")[2] for name in names]
        found = [(one.name, *(one.findings.get(name, "") for name in names)) for one in entries]
        blocks.append(Table(("", *head), found, title))
    if not titles:
        blocks.append(Paragraph("Nothing was found: no configuration could be taken."))
    return Report(
        title=f"{len(entries)} exams",
        author="",
        collaborators=(),
        summary=[Fact("Exams", f"{len(entries)}, {problems} of them with problems")],
        cover=None,
        highlights=(),
        checklist=(),
        findings=(),
        sections=[Section("all", "All of them", "", blocks)],
        references=(),
        words="",
        listings=(),
        provenance=[Fact("Command", Provenance.collect().command)],
        paper="a4",
        made=datetime.datetime.now(datetime.UTC).date().isoformat(),
    )
