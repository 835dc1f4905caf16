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


Block = Paragraph | Heading | Points | Table | Picture | Failed


@dataclass(frozen=True)
class Section:
    """One part of the exam, as it is printed.

    Attributes:
        title: of the section.
        assignment: the item of the assignment that it answers.
        blocks: in order.
    """

    title: str
    assignment: str
    blocks: Sequence[Block]


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
        summary: pairs of a fact's name and the fact: model, preprocessing, photographs.
        sections: the parts.
        references: one sentence each.
        listings: the code appendix.
        provenance: pairs of a fact's name and the fact, for the last page.
        paper: ``a4`` or ``us-letter``.
    """

    title: str
    author: str
    collaborators: Sequence[str]
    summary: Sequence[tuple[str, str]]
    sections: Sequence[Section]
    references: Sequence[str]
    listings: Sequence[Listing]
    provenance: Sequence[tuple[str, str]]
    paper: str
