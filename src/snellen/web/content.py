"""What a tab gives: progress while the work goes on, then a result made of blocks that the browser draws.

A block is data, never markup: the browser writes whatever a name or a label holds as text.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class StageProgress:
    """What is being done.

    Attributes:
        text: stage in a few words.
        done: number of steps done.
        total: number of all steps; 0 where nobody knows.
        blocks: what is known of the answer already; empty leaves in place what was shown before.
    """

    text: str
    done: int = 0
    total: int = 0
    blocks: Sequence[Block] = ()


@dataclass(frozen=True)
class Bar:
    """One bar: a share in [0, 1] with its name; ``index`` is the class that it stands for, where it stands for one."""

    label: str
    share: float
    index: int | None = None


@dataclass(frozen=True)
class Bars:
    """Bars of shares, the longest first."""

    title: str
    bars: Sequence[Bar]


@dataclass(frozen=True)
class Count:
    """How often something held: ``count`` of ``of``."""

    label: str
    count: int
    of: int


@dataclass(frozen=True)
class Counts:
    """Counts side by side, each drawn as a row of dots."""

    title: str
    counts: Sequence[Count]


@dataclass(frozen=True)
class CurvePoint:
    """A share at ``x``; ``label`` says what is seen there, ``met`` whether that is what was wanted."""

    x: int
    share: float
    label: str
    met: bool


@dataclass(frozen=True)
class CurveLine:
    """One curve and its name."""

    name: str
    points: Sequence[CurvePoint]


@dataclass(frozen=True)
class Curves:
    """Shares over a quantity whose values double from one to the next.

    Attributes:
        title: heading.
        across: name of the quantity.
        curves: the curves; a filled point is one where what was wanted is met.
        help: how it is to be read.
    """

    title: str
    across: str
    curves: Sequence[CurveLine]
    help: str


@dataclass(frozen=True)
class Picture:
    """A picture.

    Attributes:
        file: name of a file of the job.
        title: heading below it.
        alt: what it shows, for those who do not see it.
        group: pictures of one group stand in one row.
    """

    file: str
    title: str
    alt: str
    group: str = ""


@dataclass(frozen=True)
class Pictures:
    """Several pictures, in rows by their group."""

    title: str
    pictures: Sequence[Picture]


@dataclass(frozen=True)
class Comparison:
    """A photograph before and after, laid over each other, and the difference amplified.

    Attributes:
        before, after, noise: names of files of the job.
        before_title, after_title: what each is.
        amplified: by how much the noise is.
    """

    before: str
    after: str
    noise: str
    before_title: str
    after_title: str
    amplified: float


@dataclass(frozen=True)
class Letter:
    """One letter of the acuity chart: a transform at a strength.

    Attributes:
        strength: amount of the transform, in its unit.
        title: transform at that strength, in words.
        kept: whether the answer is kept.
        label: answer there.
        share: its probability.
    """

    strength: float
    title: str
    kept: bool
    label: str
    share: float


@dataclass(frozen=True)
class ChartLine:
    """One line of the acuity chart: a transform, mild to strong."""

    transform: str
    letters: Sequence[Letter]


@dataclass(frozen=True)
class Acuity:
    """An acuity chart of one photograph; ``photograph`` is the one that a letter's picture is made of."""

    title: str
    photograph: str
    lines: Sequence[ChartLine]


@dataclass(frozen=True)
class Table:
    """A table; columns whose cells are all numbers are aligned to the right."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Text:
    """Paragraphs."""

    title: str
    paragraphs: Sequence[str]


@dataclass(frozen=True)
class Document:
    """A page of its own, shown in a frame without scripts; ``file`` is a file of the job."""

    file: str
    title: str


Block = Bars | Counts | Curves | Picture | Pictures | Comparison | Acuity | Table | Text | Document


@dataclass(frozen=True)
class Next:
    """What can be done with an answer: a tab with a photograph that the answer made, and its original.

    Attributes:
        label: what a button says.
        tab: name of the tab.
        photograph: number of the photograph, as the store knows it.
        original: of what it was made from; empty where that does not matter.
        another: whether another of the page's models is asked.
    """

    label: str
    tab: str
    photograph: str
    original: str = ""
    another: bool = False


@dataclass(frozen=True)
class TabResult:
    """A result.

    Attributes:
        headline: answer in one line.
        blocks: answer, the most important first.
        files: names of the job's files that can be downloaded, the most important first.
        command: command that does the same.
        onward: what can be done next.
        model: name under which the page now offers a model that the job made; empty where it made none.
    """

    headline: str
    blocks: Sequence[Block] = ()
    files: Sequence[str] = ()
    command: str = ""
    onward: Sequence[Next] = ()
    model: str = ""


Work = Generator[StageProgress | TabResult, None, None]
"""What is done for one visitor, step by step, the result last. Whoever stops asking stops the work."""


def without_backquotes(text: str) -> str:
    """What the library says, for a page: it names its parameters and functions in backquotes."""
    return re.sub("`(.*?)`", r"\1", text)


def plain_blocks(blocks: Sequence[Block]) -> list[dict[str, Any]]:
    """Blocks as what JSON knows, each with its kind."""
    return [{"kind": type(block).__name__.lower()} | dataclasses.asdict(block) for block in blocks]


def plain_result(result: TabResult) -> dict[str, Any]:
    """A result as what JSON knows."""
    return dataclasses.asdict(result) | {"blocks": plain_blocks(result.blocks)}
