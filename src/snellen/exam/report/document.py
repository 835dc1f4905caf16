"""What a report is made of, whatever it is rendered to: sections of a few kinds of block."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of running text."""

    text: str
    kind: Literal["paragraph"] = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Discussion:
    """Paragraphs computed from a section's numbers, for which a student may put others."""

    paragraphs: Sequence[str]
    kind: Literal["discussion"] = field(default="discussion", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section.

    Attributes:
        text: heading, which links and the checklist name it by.
        about: what that is, where it is a mere name: ``the network of three convolutions`` of ``plain``.
        assignment: item of the assignment that is answered below it, where that is another than the section's.
    """

    text: str
    about: str = ""
    assignment: str = ""
    kind: Literal["heading"] = field(default="heading", init=False)

    @property
    def line(self) -> str:
        """All of the heading: the item of the assignment, the text, and what that is."""
        told = f"{self.text}, {self.about}" if self.about else self.text
        return f"{self.assignment}: {told}" if self.assignment else told


@dataclass(frozen=True)
class Points:
    """A list of short points."""

    items: Sequence[str]
    kind: Literal["points"] = field(default="points", init=False)


@dataclass(frozen=True)
class Table:
    """A table with a caption; columns whose cells are all numbers are aligned to the right.

    Attributes:
        columns, rows, caption: what it holds.
        name: what sentences name it by, as :mod:`snellen.exam.report.numbers` says; empty where none does.
        number: its number among the report's tables; 0 before they are numbered.
    """

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    name: str = ""
    number: int = 0
    kind: Literal["table"] = field(default="table", init=False)


PICTURE_TYPES = {".png": "image/png", ".svg": "image/svg+xml", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""The endings of pictures that a report can show, with their media types."""


@dataclass(frozen=True)
class Picture:
    """A figure from a file of the run folder, with a caption that says what to see.

    Attributes:
        path: file of one of :data:`PICTURE_TYPES`.
        caption: one or two sentences.
        width: share of the text width, in (0, 1].
        alt: what is seen, for those who cannot see it; empty where the caption says it.
        name, number: as for a :class:`Table`.
    """

    path: Path
    caption: str
    width: float = 1.0
    alt: str = ""
    name: str = ""
    number: int = 0
    kind: Literal["picture"] = field(default="picture", init=False)


@dataclass(frozen=True)
class Failed:
    """Stands where a part failed, and says why."""

    reason: str
    kind: Literal["failed"] = field(default="failed", init=False)


@dataclass(frozen=True)
class FigureRow:
    """Pictures side by side, each under its own title, with one caption; ``name`` and ``number`` as for a `Table`."""

    pictures: Sequence[Picture]
    titles: Sequence[str]
    caption: str
    name: str = ""
    number: int = 0
    kind: Literal["figure_row"] = field(default="figure_row", init=False)


Block = Paragraph | Discussion | Heading | Points | Table | Picture | FigureRow | Failed


def with_paths(block: Block, path_of: Callable[[Path], Path]) -> Block:
    """``block`` with ``path_of`` applied to the path of each of its pictures."""
    if isinstance(block, Picture):
        return dataclasses.replace(block, path=path_of(block.path))
    if isinstance(block, FigureRow):
        pictures = (dataclasses.replace(picture, path=path_of(picture.path)) for picture in block.pictures)
        return dataclasses.replace(block, pictures=tuple(pictures))
    return block


def with_texts(block: Block, text_of: Callable[[str], str]) -> Block:
    """``block`` with ``text_of`` applied to each of its sentences: paragraphs, points, captions, cells of tables."""
    match block:
        case Paragraph():
            return dataclasses.replace(block, text=text_of(block.text))
        case Discussion():
            return dataclasses.replace(block, paragraphs=tuple(map(text_of, block.paragraphs)))
        case Points():
            return dataclasses.replace(block, items=tuple(map(text_of, block.items)))
        case Table():
            caption = text_of(block.caption)
            return dataclasses.replace(
                block, caption=caption, rows=tuple(tuple(map(text_of, row)) for row in block.rows)
            )
        case Picture() | FigureRow():
            return dataclasses.replace(block, caption=text_of(block.caption))
        case Heading() | Failed():
            return block


@dataclass(frozen=True)
class Reference:
    """A publication that a section rests on.

    Attributes:
        entry: authors, title, place, year.
        used: regular expression of the words by which the section uses it, in any case; its number stands behind the
            first of them.
    """

    entry: str
    used: str


@dataclass(frozen=True)
class Fact:
    """One finding in short: its name, and its value with unit and interval."""

    name: str
    value: str


@dataclass(frozen=True)
class Listing:
    """Code of one module, or one file of settings, in the code appendix.

    Attributes:
        name: name of the module or the settings.
        text: its source, or the part of it that is shown.
        section: title of the section whose method it is.
        language: what it is written in.
    """

    name: str
    text: str
    section: str = ""
    language: Literal["python", "toml"] = "python"


@dataclass(frozen=True)
class Answer:
    """What one part of the exam found.

    Attributes:
        data: photographs or images it was found on, in a few words.
        facts: findings in short.
        blocks: findings in full.
        headline: what was found, in a sentence without its full stop, for the first page; empty where the facts say it.
        highlight: picture for the first page; None where there is none.
        shortfalls: where less was done than the assignment asks for: pairs of the heading that it is answered under, as
            in the part's ``asked``, and the reason.
        listings: settings that it ran with, for the code appendix.
        provenance: what of its data repeats it, for the last page.
        content: fingerprint of the photographs or images that it was found on, whatever they are called.
    """

    data: str
    facts: Sequence[Fact]
    blocks: Sequence[Block]
    headline: str = ""
    highlight: Picture | None = None
    shortfalls: Sequence[tuple[str, str]] = ()
    listings: Sequence[Listing] = ()
    provenance: Sequence[Fact] = ()
    content: str = ""

    @property
    def in_short(self) -> str:
        """The headline, or where there is none the facts."""
        return f"{self.headline}." if self.headline else "; ".join(f"{fact.name}: {fact.value}" for fact in self.facts)


@dataclass(frozen=True)
class Section:
    """One part of the exam, as it is printed.

    Attributes:
        name: name of the part, which links point at.
        title: heading of the section.
        assignment: item of the assignment that it answers, which stands before the title.
        blocks: paragraphs, tables and figures, in order.
    """

    name: str
    title: str
    assignment: str
    blocks: Sequence[Block]

    @property
    def heading(self) -> str:
        """The title behind the item of the assignment that it answers, where it answers one."""
        return f"{self.assignment}: {self.title}" if self.assignment else self.title


@dataclass(frozen=True)
class Item:
    """One line of the checklist: something that the assignment asks for.

    Attributes:
        problem: number of the problem there.
        asked: task in a few words.
        section: name of the section that answers it; empty where none does.
        heading: heading in that section under which the answer stands; empty for the section's beginning.
        data: data that it was answered on, or the reason why it was not.
        answered: whether the assignment is answered there.
        short: where that falls short of what was asked; empty where it does not.
        block: number, from 0, of the section's block that is the answer; None where all of the heading's are.
        also: further headings and blocks of the section that answer it, as of a second data set.
    """

    problem: str
    asked: str
    section: str
    heading: str
    data: str
    answered: bool = True
    short: str = ""
    block: int | None = None
    also: Sequence[tuple[str, int | None]] = ()


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title, author, collaborators: head of the first page.
        summary: model, preprocessing, photographs.
        cover: the first page's large picture; None where there is none.
        highlights: its small pictures, each with the title of its section.
        checklist: items of the assignment, in its order.
        findings: title of each part and what it found in short.
        sections: one section a part.
        references: one sentence each.
        words: one sentence: which words of the report were computed, and which a person wrote.
        listings: code of the appendix.
        provenance: facts that repeat the report, for the last page.
        paper: size of the PDF's pages, ``a4`` or ``us-letter``.
        made: date of what it reports, as ``2026-11-26``.
    """

    title: str
    author: str
    collaborators: Sequence[str]
    summary: Sequence[Fact]
    cover: Picture | None
    highlights: Sequence[tuple[str, Picture]]
    checklist: Sequence[Item]
    findings: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    references: Sequence[str]
    words: str
    listings: Sequence[Listing]
    provenance: Sequence[Fact]
    paper: str
    made: str


def first_page(report: Report) -> Report:
    """The report's first page alone: head, findings and pictures."""
    return dataclasses.replace(report, checklist=(), sections=(), references=(), words="", listings=(), provenance=())
