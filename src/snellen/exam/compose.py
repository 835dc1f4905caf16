"""Composes the report: the checklist, the findings in short, the sections, the code, the provenance."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.photographs import bundled_photographs
from snellen.errors import SnellenError
from snellen.exam.cache import CachedAnswer
from snellen.exam.config import SAMPLE, ExamConfig
from snellen.exam.context import Context
from snellen.exam.parts import Part
from snellen.exam.report.document import Fact, Failed, Item, Listing, Picture, Report, Section
from snellen.runs.provenance import Provenance

REFERENCES, CODE, FRONT = "references", "code", "front"
"""Names of the sections of a report that belong to no part."""
_QUICK = (
    "This is a first look: scikit-learn's digits stand in for every data set to learn from, and at most four "
    "photographs were examined."
)


@dataclass(frozen=True)
class FinishedPart:
    """A part with its answer.

    Attributes:
        name: key of the part in the table of parts.
        part: entry of that table.
        cached: answer, found now or before.
    """

    name: str
    part: Part
    cached: CachedAnswer

    @property
    def failure(self) -> str | None:
        """Why the part has no answer; None where it has one."""
        return next((block.reason for block in self.cached.answer.blocks if isinstance(block, Failed)), None)


def compose(
    config: ExamConfig, context: Context, finished: Sequence[FinishedPart], parts: Mapping[str, Part]
) -> Report:
    """The report of an exam.

    Args:
        config: configuration of the exam.
        context: surroundings that its parts were given.
        finished: parts with their answers, in order.
        parts: all parts there are, by name.
    """
    modules = dict.fromkeys(module for one in finished for module in one.part.sources)
    return Report(
        title=config.title,
        author=config.author,
        collaborators=config.collaborators,
        summary=_summary(config, context),
        cover=_cover(finished, context.folder),
        checklist=checklist(config, finished, parts),
        findings=[(one.part.title, one.cached.answer.facts) for one in finished if one.cached.answer.facts],
        sections=[Section(one.name, one.part.title, one.part.assignment, one.cached.answer.blocks) for one in finished],
        references=tuple(dict.fromkeys(reference for one in finished for reference in one.part.references)),
        listings=[_listing(module) for module in modules],
        provenance=[*provenance_facts(context.provenance), *_times(finished)],
        paper=config.paper,
    )


def _summary(config: ExamConfig, context: Context) -> list[Fact]:
    classifier = context.classifier
    credited = {str(p.path): f"{p.path.name} ({p.credit})" for p in bundled_photographs()}
    facts = [
        Fact("Model", f"{classifier.name} ({'; '.join((classifier.source, *classifier.notes))})"),
        Fact("Preprocessing", classifier.preprocessing.describe()),
        Fact("Photographs", _photographs([credited.get(p, Path(p).name) for p in context.photographs], context)),
    ]
    return [*facts, Fact("Extent", _QUICK)] if config.quick else facts


def _photographs(names: Sequence[str], context: Context) -> str:
    """How the photographs were chosen, and the names of the first."""
    more = f" and {len(names) - SAMPLE} more" if len(names) > SAMPLE else ""
    return f"{context.chosen} {'; '.join(names[:SAMPLE])}{more}".strip()


def _cover(finished: Sequence[FinishedPart], folder: Path) -> Picture | None:
    """The first picture that a part offers for the first page."""
    pictures = (one.part.cover(folder / one.name) for one in finished if one.part.cover and one.failure is None)
    return next(pictures, None)


def checklist(config: ExamConfig, finished: Sequence[FinishedPart], parts: Mapping[str, Part]) -> list[Item]:
    """What the assignment asks for, in its order, and where the report answers it."""
    by_name = {one.name: one for one in finished}
    collaborators = ", ".join(config.collaborators) or "nobody is named in the configuration (collaborators)"
    items = [Item("Instructions", "The people worked with", FRONT, "", collaborators)]
    for name, part in parts.items():
        for problem, asked, heading in part.asked:
            one = by_name.get(name)
            if one is None:
                items.append(Item(problem, asked, "", "", "this part was not asked for"))
            elif one.failure is not None:
                items.append(Item(problem, asked, name, "", "this part failed"))
            else:
                items.append(Item(problem, asked, name, heading, one.cached.answer.data))
    return [
        *items,
        Item("Instructions", "References", REFERENCES, "", "of the parts above"),
        Item("Instructions", "The code", CODE, "", "the source of the methods, as it ran"),
    ]


def provenance_facts(provenance: Provenance) -> list[Fact]:
    """What it takes to make a report again."""
    return [
        Fact("Command", provenance.command),
        Fact("Model", provenance.model),
        Fact("Weights (SHA-256)", provenance.weights),
        Fact("Photographs (fingerprint)", provenance.data),
        Fact("Seed", str(provenance.seed)),
        Fact("Hardware", f"{provenance.hardware}; network on {provenance.device}"),
        Fact("Versions", ", ".join(f"{name} {number}" for name, number in provenance.versions.items())),
    ]


def _times(finished: Sequence[FinishedPart]) -> list[Fact]:
    """When each part was taken, and how long it took."""
    return [
        Fact(one.part.title, f"taken {one.cached.made}, in {one.cached.seconds:g} seconds")
        for one in finished
        if one.failure is None
    ]


def _listing(module: str) -> Listing:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SnellenError(f"{module}: its source is not installed")
    return Listing(module, Path(spec.origin).read_text(encoding="utf-8"))
