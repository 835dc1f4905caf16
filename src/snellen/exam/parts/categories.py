"""The exam's first part: the top three categories of each photograph."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from snellen.exam.context import Context, content_of_files, fingerprints, names_of, photograph_names
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Paragraph, Picture, Reference, Table
from snellen.inspect.categories import Classification, classify_each
from snellen.inspect.discussion import discuss_classifications, headline_of_classifications
from snellen.inspect.figures import draw_classifications
from snellen.prose import called, clause, in_percent, word
from snellen.runs.files import write_figure, write_json

_ROWS_OF_A_PICTURE = 6
_FACTS = 4
_SHOWN = 12
"""Photographs that are drawn and tabulated."""
_IMAGENET = 1000

REFERENCES = (
    Reference(
        "Olga Russakovsky et al. ImageNet Large Scale Visual Recognition Challenge. IJCV 115, 2015. arXiv 1409.0575.",
        r"ImageNet(-1k| indices)?",
    ),
)


ASKED = (
    (
        "Problem 1, part 1",
        "The top three categories and their probabilities; the model and its preprocessing",
        "",
        "The top three categories",
    ),
)


def inputs(context: Context) -> object:
    """What decides the answer: every photograph and its label, and how they were chosen."""
    return [fingerprints(context.photographs), context.expected, context.said_by, context.chosen]


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: a pass for each photograph."""
    return len(context.photographs) * seconds_of_pass


def run(context: Context) -> Answer:
    """Classify every photograph; write ``result.json`` and the figures."""
    classifier = context.classifier
    results = [r for r in classify_each(classifier, context.photographs) if isinstance(r, Classification)]
    write_json(context.folder / "result.json", {"results": results, "provenance": context.provenance})
    prepared = classifier.preprocessing.describe()
    names, shown = photograph_names([one.image for one in results]), results[:_SHOWN]
    some = f" The first {_SHOWN} of {len(results)}." if len(shown) < len(results) else ""
    blocks: Sequence[Block] = (
        Paragraph(
            f"The model is {called(classifier.name)}, a network of {_millions(context)} million parameters for "
            f"{len(classifier.labels):,} classes{trained_on(classifier.source)}, run in PyTorch. {_examined(context)} "
            f"A photograph is prepared as the model expects it: {clause(prepared)} The "
            "probabilities are the softmax of its logits. [[categories/photographs]] shows each photograph with its "
            "three most probable categories, [[categories/categories]] lists them."
        ),
        *_pictures(context, shown),
        _table(context, shown, names, some),
        Discussion(discuss_classifications(results, context.expected)),
    )
    facts = [Fact(names[r.image], f"{r.top.label}, {in_percent(r.top.probability)}") for r in results[:_FACTS]]
    right = [label == one.top.label for label, one in zip(context.expected, results, strict=True) if label is not None]
    if right:
        facts.append(Fact("right, of those whose class is told", f"{sum(right)} of {len(right)}"))
    return Answer(
        names_of(context.photographs),
        facts,
        blocks,
        headline_of_classifications(results),
        shortfalls=_shortfalls(context),
        content=content_of_files(context.photographs),
    )


def _table(context: Context, results: Sequence[Classification], names: Mapping[str, str], some: str) -> Table:
    """The categories of the first photographs, and where it is known what one shows, that and who says so."""
    known = any(label is not None for label in context.expected)
    said_by = context.said_by or [""] * len(context.expected)
    rows = []
    for result, label, by in zip(results, context.expected, said_by, strict=False):
        for rank, one in enumerate(result.predictions):
            first = (names[result.image], label or "", by) if rank == 0 else ("", "", "")
            row = (first[0], one.label, str(one.index), in_percent(one.probability))
            rows.append((*row, *first[1:]) if known else row)
    expected = " True label: the class given to the photograph before it was examined." if known else ""
    return Table(
        ("photograph", "category", "index", "probability", *(("true label", "who gave it") if known else ())),
        rows,
        f"The top three categories, their {_indices(context)} and their probabilities.{expected}{some}",
        "categories",
    )


def _examined(context: Context) -> str:
    """How many photographs were examined, or by which rule they were chosen."""
    count = len(context.photographs)
    if context.chosen == f"All {count:,} photographs.":
        return f"{'Both' if count == 2 else f'All {word(count)}'} photographs were examined."
    return "One photograph was examined." if count == 1 else context.chosen


def _shortfalls(context: Context) -> list[tuple[str, str]]:
    """What the assignment asks of the photographs and these are not."""
    peppers = any("peppers" in Path(photograph).stem.lower() for photograph in context.photographs)
    pairs = zip(context.photographs, context.expected, strict=True)
    unlabelled = [Path(photograph).name for photograph, label in pairs if label is None]
    short = [] if peppers else [("", "none is called peppers")]
    return [*short, *([("", f"nobody said what {names_of(unlabelled)} shows")] if unlabelled else [])]


def _pictures(context: Context, results: Sequence[Classification]) -> list[Picture]:
    """As many figures as it takes for each to fit on a page."""
    pictures: list[Picture] = []
    for start in range(0, len(results), _ROWS_OF_A_PICTURE):
        rows = results[start : start + _ROWS_OF_A_PICTURE]
        path = context.folder / f"categories-{len(pictures) + 1}.png"
        write_figure(path, draw_classifications(rows))
        caption = "Each photograph, and the three most probable categories with their probabilities."
        pictures.append(Picture(path, caption, 0.85, name="" if pictures else "photographs"))
    return pictures


def code(_: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook; empty where none does."""
    numbered = re.fullmatch(r"categories-([1-9]\d?)\.png", picture)
    if numbered is None:
        return ""
    start = (int(numbered[1]) - 1) * _ROWS_OF_A_PICTURE
    return (
        "from snellen.inspect.figures import draw_classifications\n\n"
        f"draw_classifications(snellen.classify(classifier, photographs[{start}:{start + _ROWS_OF_A_PICTURE}]))"
    )


def _indices(context: Context) -> str:
    """What the indices of the classes are."""
    return "ImageNet indices" if len(context.classifier.labels) == _IMAGENET else "indices among the model's classes"


def trained_on(source: str) -> str:
    """That the network was trained on ImageNet-1k, where the source of its weights says so."""
    return ", trained on ImageNet-1k" if _SAYS_IMAGENET.search(source) else ""


_SAYS_IMAGENET = re.compile(r"(?<![a-z0-9])(imagenet[-_ ]?1k|in1k)(?![a-z0-9])", re.IGNORECASE)


def _millions(context: Context) -> str:
    return f"{sum(p.numel() for p in context.classifier.network.parameters()) / 1e6:.1f}"
