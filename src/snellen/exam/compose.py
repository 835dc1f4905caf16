"""Composes the report: the checklist, the findings in short, the sections, the code, the provenance."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.photographs import bundled_photographs
from snellen.errors import SnellenError
from snellen.exam.cache import CachedAnswer
from snellen.exam.config import ExamConfig
from snellen.exam.context import Context
from snellen.exam.parts import PARTS
from snellen.exam.parts.stress import CHART
from snellen.exam.report.document import Fact, Failed, Item, Listing, Picture, Report, Section
from snellen.runs.provenance import Provenance

REFERENCES, CODE, FRONT = "references", "code", "front"
"""Names of the places in a report that are no part's section."""
_QUICK = (
    "This is a first look: scikit-learn's digits stand in for every data set, and at most four photographs were "
    "examined."
)


@dataclass(frozen=True)
class FinishedPart:
    """A part that was taken: its name, and what is kept of it."""

    name: str
    kept: CachedAnswer

    @property
    def failed(self) -> bool:
        """Whether it has no answer."""
        return any(isinstance(block, Failed) for block in self.kept.answer.blocks)


def compose(config: ExamConfig, context: Context, taken: Sequence[FinishedPart]) -> Report:
    """The report of an exam.

    Args:
        config: its configuration.
        context: what its parts were given.
        taken: the parts, in order.
    """
    parts = [PARTS[one.name] for one in taken]
    modules = dict.fromkeys(module for part in parts for module in part.sources)
    return Report(
        title=config.title,
        author=config.author,
        collaborators=config.collaborators,
        summary=_summary(config, context),
        cover=_cover(taken, context.folder),
        checklist=checklist(config, taken),
        findings=[(PARTS[one.name].title, one.kept.answer.facts) for one in taken if one.kept.answer.facts],
        sections=[
            Section(one.name, part.title, part.assignment, one.kept.answer.blocks)
            for one, part in zip(taken, parts, strict=True)
        ],
        references=tuple(dict.fromkeys(reference for part in parts for reference in part.references)),
        listings=[_listing(module) for module in modules],
        provenance=[*provenance_facts(context.provenance), *_times(taken)],
        paper=config.paper,
    )


def _summary(config: ExamConfig, context: Context) -> list[Fact]:
    classifier = context.classifier
    credited = {str(p.path): f"{p.path.name} ({p.credit})" for p in bundled_photographs()}
    facts = [
        Fact("Model", f"{classifier.name} ({classifier.source})"),
        Fact("Preprocessing", classifier.preprocessing.describe()),
        Fact("Photographs", "; ".join(credited.get(p, Path(p).name) for p in context.photographs)),
    ]
    return [*facts, Fact("Extent", _QUICK)] if config.quick else facts


def _cover(taken: Sequence[FinishedPart], folder: Path) -> Picture | None:
    """The acuity chart, where it was made."""
    stressed = [one for one in taken if one.name == "stress" and not one.failed]
    if not stressed:
        return None
    caption = (
        "The acuity chart: a line for each manipulation of the photographs, mild to strong. The bluer a letter, the "
        "more of the photographs keep their class."
    )
    return Picture(folder / "stress" / CHART, caption)


def checklist(config: ExamConfig, taken: Sequence[FinishedPart]) -> list[Item]:
    """What the assignment asks for, in its order, and where the report answers it."""
    found = {one.name: one for one in taken}
    worked = ", ".join(config.collaborators) or "nobody is named in the configuration (collaborators)"
    items = [Item("Instructions", "The people worked with", FRONT, "", worked)]
    for name, part in PARTS.items():
        for problem, asked, heading in part.asked:
            one = found.get(name)
            if one is None:
                items.append(Item(problem, asked, "", "", "this part was not asked for"))
            elif one.failed:
                items.append(Item(problem, asked, name, "", "this part failed"))
            else:
                items.append(Item(problem, asked, name, heading, one.kept.answer.data))
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


def _times(taken: Sequence[FinishedPart]) -> list[Fact]:
    """When each part was taken, and how long it took."""
    return [
        Fact(PARTS[one.name].title, f"taken {one.kept.made}, in {one.kept.seconds:g} seconds")
        for one in taken
        if not one.failed
    ]


def _listing(module: str) -> Listing:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SnellenError(f"{module}: its source is not installed")
    return Listing(module, Path(spec.origin).read_text(encoding="utf-8"))
