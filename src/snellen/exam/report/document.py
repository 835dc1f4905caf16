"""What a report is made of, whatever it is rendered to: sections of a few kinds of block."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class Paragraph:
    """A paragraph of running text."""

    text: str
    kind: Literal["paragraph"] = field(default="paragraph", init=False)


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: str
    kind: Literal["heading"] = field(default="heading", init=False)


@dataclass(frozen=True)
class Points:
    """A list of short points."""

    items: Sequence[str]
    kind: Literal["points"] = field(default="points", init=False)


@dataclass(frozen=True)
class Table:
    """A table with a caption; columns whose cells are all numbers are aligned to the right."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    caption: str
    kind: Literal["table"] = field(default="table", init=False)


@dataclass(frozen=True)
class Picture:
    """A figure from a file of the run folder, with a caption that says what to see.

    Attributes:
        path: of a PNG, SVG or PDF file.
        caption: one or two sentences.
        width: share of the text width, in (0, 1].
    """

    path: Path
    caption: str
    width: float = 1.0
    kind: Literal["picture"] = field(default="picture", init=False)


@dataclass(frozen=True)
class Failed:
    """Stands where a part failed, and says why."""

    reason: str
    kind: Literal["failed"] = field(default="failed", init=False)


@dataclass(frozen=True)
class FigureRow:
    """Pictures beside each other, each under its own title, with one caption."""

    pictures: Sequence[Picture]
    titles: Sequence[str]
    caption: str
    kind: Literal["beside"] = field(default="beside", init=False)


Block = Paragraph | Heading | Points | Table | Picture | FigureRow | Failed


@dataclass(frozen=True)
class Fact:
    """One thing that was found, in short: what of, and its value with its unit and interval."""

    name: str
    value: str


@dataclass(frozen=True)
class Answer:
    """What one part of the exam found.

    Attributes:
        data: what it was found on, in a few words.
        facts: the findings in short.
        blocks: the findings in full.
    """

    data: str
    facts: Sequence[Fact]
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Section:
    """One part of the exam, as it is printed.

    Attributes:
        name: the part's; what links point at.
        title: of the section.
        assignment: the item of the assignment that it answers.
        blocks: in order.
    """

    name: str
    title: str
    assignment: str
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Item:
    """One line of the checklist: something that the assignment asks for.

    Attributes:
        problem: its number there.
        asked: what is asked for.
        section: the name of the section that answers it; empty where none does.
        heading: the heading in that section under which the answer stands; empty for the section's beginning.
        data: on what it was answered, or why it was not.
    """

    problem: str
    asked: str
    section: str
    heading: str
    data: str


@dataclass(frozen=True)
class Listing:
    """One source file in the code appendix."""

    name: str
    text: str


@dataclass(frozen=True)
class Report:
    """A whole report.

    Attributes:
        title, author, collaborators: its head.
        summary: model, preprocessing, photographs.
        cover: the picture on the first page; None where there is none.
        checklist: what the assignment asks for, in its order.
        findings: each part's title and what it found in short.
        sections: the parts.
        references: one sentence each.
        listings: the code appendix.
        provenance: what it takes to make the report again, for the last page.
        paper: ``a4`` or ``us-letter``.
    """

    title: str
    author: str
    collaborators: Sequence[str]
    summary: Sequence[Fact]
    cover: Picture | None
    checklist: Sequence[Item]
    findings: Sequence[tuple[str, Sequence[Fact]]]
    sections: Sequence[Section]
    references: Sequence[str]
    listings: Sequence[Listing]
    provenance: Sequence[Fact]
    paper: str
