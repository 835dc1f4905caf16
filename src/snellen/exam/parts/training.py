"""The exam's training from scratch: the assignment's two networks and our own, each beside those before it."""

from __future__ import annotations

import dataclasses
import functools
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snellen.data.datasets.digits import DIGITS
from snellen.data.images import read_image
from snellen.errors import InputError, SnellenError
from snellen.exam.context import Context, content_of, data_set, short_name
from snellen.exam.report.code import settings_listing
from snellen.exam.report.document import (
    Answer,
    Block,
    Discussion,
    Fact,
    Heading,
    Listing,
    Paragraph,
    Picture,
    Reference,
    Table,
)
from snellen.prose import clause, listed, sentence, signed
from snellen.runs.files import write_figure, write_json
from snellen.runs.ledger import remove_run
from snellen.runs.provenance import fingerprint, hardware, versions
from snellen.runs.serialise import differences, to_plain, to_toml
from snellen.training.ablations import ABLATIONS, BASE, HELD_OUT_IMAGES, TWO_NARROW
from snellen.training.checkpoint import OtherRunError
from snellen.training.data import load_data
from snellen.training.discussion import (
    at_each_rate,
    cause_of_difference,
    choices_on_test_images,
    compare,
    compare_filters,
    describe_network,
    describe_recipe,
    discuss,
    discuss_ablations,
    discuss_filters,
    discuss_network,
    explain_recipe,
    final_accuracy,
    frozen_parameters,
    headline,
    is_copy,
    note_on_images,
    seeds_sentence,
    table,
    where,
    with_main_runs,
)
from snellen.training.figures import draw_curves, draw_rates
from snellen.training.files import CONFUSION, FILTERS, FILTERS_START, METRICS, read_results, seed_folder
from snellen.training.filters import FilterStructure, filter_structure, filters_of_image
from snellen.training.recipe import ASSIGNMENT, Augmentation, ProgressiveResizing, Recipe, read_recipe, without_effect
from snellen.training.results import TrainingResult, names_of, recipe_files_of, same_images
from snellen.training.speed import seconds_per_image
from snellen.training.trainer import train

REFERENCES = (
    Reference("Alex Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009.", r"CIFAR-?10"),
    Reference(
        "Kaiming He et al. Delving Deep into Rectifiers: Surpassing Human-Level Performance on ImageNet "
        "Classification. ICCV 2015. arXiv 1502.01852.",
        r"He et al\. 2015|He initialisation",
    ),
    Reference(
        "Sergey Ioffe and Christian Szegedy. Batch Normalization: Accelerating Deep Network Training by Reducing "
        "Internal Covariate Shift. ICML 2015. arXiv 1502.03167.",
        r"batch normalisation",
    ),
    Reference(
        "Ilya Loshchilov and Frank Hutter. Decoupled Weight Decay Regularization. ICLR 2019. arXiv 1711.05101.",
        r"AdamW",
    ),
    Reference("Dan Hendrycks and Kevin Gimpel. Gaussian Error Linear Units. 2016. arXiv 1606.08415.", r"GELU"),
    Reference(
        "Terrance DeVries and Graham W. Taylor. Improved Regularization of Convolutional Neural Networks "
        "with Cutout. 2017. arXiv 1708.04552.",
        r"blanked out in a square|square blanked out",
    ),
    Reference(
        "Taco Cohen and Max Welling. Group Equivariant Convolutional Networks. ICML 2016. arXiv 1602.07576.",
        r"mirror images of the other half",
    ),
    Reference(
        "Keller Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. 2024. arXiv 2404.00498.",
        r"airbench( networks)?",
    ),
    Reference(
        "Keller Jordan et al. Muon: An optimizer for hidden layers in neural networks. 2024. kellerjordan.github.io.",
        r"Muon",
    ),
    Reference(
        "Edwin B. Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22, 1927.",
        r"Wilson's|95% interval",
    ),
)
_FILTERS, _CURVES = "first-layer filters", "Training loss"
"""Words of the captions of two figures."""
ASKED = (
    (
        "Problem 3, part 1",
        "The network of three convolutions: its first-layer filters as one RGB picture",
        "plain",
        _FILTERS,
    ),
    ("Problem 3, part 1", "Training loss against epochs; test accuracy", "plain", _CURVES),
    ("Problem 3, part 1", "Initialisation, hyper-parameters, architecture, discussed", "plain", ""),
    (
        "Problem 3, part 2",
        "The same with batch normalisation: losses compared, test accuracy, filters",
        "batchnorm",
        _FILTERS,
    ),
    ("Problem 3, part 3", "A better network: architecture, design choices, test accuracy", "deep", ""),
)
_ABOUT = {
    "plain": "the network of three convolutions",
    "batchnorm": "the same with batch normalisation",
    "deep": "a better network",
}
"""What the networks of the assignment are."""
RATES = "rates.png"
_RATES = "[[training/rates]]"
_RATES_CAPTION = (
    "The assignment's network without and with batch normalisation, every setting but the named rate alike, on the "
    "published images of CIFAR-10, of which 5,000 were held out of training. Left: training loss against epochs, a "
    "line for each of two seeds. Right, against the peak learning rate (logarithmic): the loss of trainings of a "
    "single epoch (mean of three seeds; dotted: guessing), and the accuracy on the images held out after 10 epochs "
    "(mean of two). Measured beforehand, by benchmarks/normalisation.py on NVIDIA H200."
)
_CIFAR10 = (50_000, 10_000)
"""Images to learn from, and to test."""
# The digits are a hundredth of CIFAR-10, of 8 x 8 pixels: in the recipes' own batches they would make three steps
# an epoch, and a mirrored digit is no digit. A step of deep costs ten of the others', and half their epochs suffice it.
_EPOCHS_OF_DIGITS = {"plain": 8, "batchnorm": 8, "deep": 4}
_BATCH_OF_DIGITS, _SIZE_OF_DIGITS = 32, 16
_AUGMENTATION_OF_DIGITS = Augmentation(translate=1)
_BESIDE = (
    ", beside the networks before it. Diamonds stand next to each other so that none hides another, and where two "
    "networks have the same rate its line has dashes of both colours"
)
_Run = tuple[Path, Sequence[TrainingResult]]
_Runs = Sequence[_Run]
_Sections = Sequence[_Runs]
"""Of each section its run, and those that are further comparisons to it and have no section of their own."""


def inputs(context: Context) -> object:
    """What decides the answer: the runs that were made before, or the images to train on."""
    if context.training_runs:
        return [(run, fingerprint((Path(run) / METRICS).read_bytes())) for run in context.training_runs]
    return context.training, content_of(data_set(context.training)), context.epochs


def seconds(context: Context, _: float) -> float:
    """Seconds that :func:`run` takes, roughly: the trainings, where none is shown in their place."""
    if context.training_runs:
        return 0.0
    images = len(data_set(context.training))
    return images * sum(seconds_per_image(recipe) for recipe in recipes(context.training, context.epochs))


def run(context: Context) -> Answer:
    """Train the three networks, or read their runs; show each beside those before it."""
    given = _given(context) or _train(context)
    sections = _sections(given)
    shown = [of_run for section in sections for of_run in section]
    runs = [section[0] for section in sections]
    results = [result for _, of_run in shown for result in of_run]
    write_json(context.folder / "result.json", {"results": results})
    first = results[0]
    deviation = ", the mean over seeds ± their deviation" if any(len(of_run) > 1 for _, of_run in shown) else ""
    columns, rows = table([of_run for _, of_run in shown])
    others = "".join(f" {_other_images(of_run[0], first)}" for _, of_run in runs if not same_images(of_run[0], first))
    blocks: list[Block] = [Paragraph(_images(first, here=not context.training_runs) + others)]
    for number in range(1, len(sections) + 1):
        blocks += _one(sections, number, context.folder)
    blocks += [
        Heading("Side by side"),
        Paragraph(_in_order([of_run for _, of_run in shown])),
        Table(columns, rows, f"Test accuracy{deviation}.{_frozen(results)} {where(results)}", "networks"),
    ]
    names = names_of([of_run[0] for _, of_run in shown])
    facts = [Fact(name, seeds_sentence(of_run)) for name, (_, of_run) in zip(names, shown, strict=True)]
    data = first.data
    stands_in = " in place of CIFAR-10" if data.name == DIGITS else ""
    images = f"{data.train_images:,} to learn from, {data.test_images:,} to test"
    return Answer(
        f"{short_name(data.name)}{stands_in} ({images})",
        facts,
        blocks,
        headline([of_run for _, of_run in shown]),
        _filters_of(runs[0], first.network_name),
        _shortfalls([of_run for _, of_run in shown]),
        _recipe_listings([of_run[0] for _, of_run in given]),
        content=" ".join(sorted({of_run[0].provenance.data for _, of_run in shown})),
    )


def _in_order(runs: Sequence[Sequence[TrainingResult]]) -> str:
    """The networks in the order of their test accuracy, where they were tested on the same images."""
    if len(runs) < 2 or not all(same_images(of_run[0], runs[0][0]) for of_run in runs):
        return "[[training/networks]] has the networks' sizes, accuracies and times."
    names = names_of([of_run[0] for of_run in runs])
    reached = [statistics.mean(one.test.accuracy.share for one in of_run) for of_run in runs]
    order = sorted(zip(names, reached, strict=True), key=lambda one: -one[1])
    best, *others = [f"{name} ({accuracy:.2%})" for name, accuracy in order]
    return f"Best on the test images is {best}, then {listed(others)}; [[training/networks]] has their sizes and times."


def _frozen(results: Sequence[TrainingResult]) -> str:
    """Of which networks the parameters counted are not all trained."""
    frozen = {one.network_name: (one.parameters - count) for one in results if (count := frozen_parameters(one))}
    return "".join(f" Of the parameters of {name} {trained:,} are trained." for name, trained in frozen.items())


def _given(context: Context) -> _Runs:
    """The runs that were made before."""
    return [(Path(folder), read_results(Path(folder))) for folder in context.training_runs]


def _sections(runs: _Runs) -> _Sections:
    """The runs that have a section of their own, each with those that are further comparisons to it."""
    mains = with_main_runs([of_run for _, of_run in runs])
    of_main = [(run, main) for run, main in zip(runs, mains, strict=True)]
    return [
        [run, *(other for other, main in of_main if main is run[1] and other is not run)]
        for run, main in of_main
        if main is run[1]
    ]


def _recipe_listings(results: Sequence[TrainingResult]) -> list[Listing]:
    """Each recipe of some runs, without what decides nothing in it; of a network's further ones only what differs."""
    listings: dict[str, Listing] = {}
    files = recipe_files_of(results)
    for result, file, name in zip(results, files, names_of(results), strict=True):
        first, other = next(
            pair for pair in zip(files, results, strict=True) if pair[1].network_name == result.network_name
        )
        titled = f"{file}.toml, the recipe of {name}"
        changed = _changed_from(other.recipe, result.recipe)
        listing = (
            Listing(titled, f"# The rest as in {first}.toml.\n{to_toml(changed).rstrip()}", language="toml")
            if changed
            else settings_listing(titled, result.recipe, without_effect(result.recipe))
        )
        listings.setdefault(file, listing)
    return list(listings.values())


def _changed_from(one: Recipe, other: Recipe) -> dict[str, Any]:
    """The values of another recipe that are not those of ``one``, by their keys; empty where it lacks one of them."""
    changed: dict[str, Any] = {}
    for path, _, value in differences(to_plain(one), to_plain(other)):
        if value is None:
            return {}
        *tables, key = path
        functools.reduce(lambda table, name: table.setdefault(name, {}), tables, changed)[key] = value
    return changed


def _filters_of(run: _Run, name: str) -> Picture | None:
    """The first-layer filters of a run, where it has a picture of them."""
    picture = _pictured(*run) / FILTERS
    return Picture(picture, f"The first-layer filters of {name}.") if picture.is_file() else None


def _pictured(folder: Path, of_run: Sequence[TrainingResult]) -> Path:
    """The folder with a run's pictures; of several seeds the first one's."""
    return folder / seed_folder(of_run[0].seed) if len(of_run) > 1 else folder


def _shortfalls(runs: Sequence[Sequence[TrainingResult]]) -> list[tuple[str, str]]:
    """What the assignment asks of the images and of the third network, and these are not."""
    first = runs[0][0]
    by_network = {of_run[0].recipe.network: of_run for of_run in reversed(runs)}
    short = []
    for network, of_run in by_network.items():
        if network in ASSIGNMENT:
            reasons = [_short_of_cifar10(of_run[0])]
            reasons += [] if same_images(of_run[0], first) else [f"on other images than {first.network_name}"]
            reasons += [_not_better(of_run, runs)] if network == ASSIGNMENT[-1] else []
            short += [(network, reason) for reason in reasons if reason]
    return short


def _short_of_cifar10(result: TrainingResult) -> str:
    data = result.data
    if data.name == DIGITS:
        return "digits stand in for CIFAR-10"
    if (data.train_images, data.test_images) != _CIFAR10:
        return f"{_CIFAR10[0]:,} to learn from and {_CIFAR10[1]:,} to test are CIFAR-10's"
    return "a copy in JPEG stands in for CIFAR-10" if is_copy(result) else ""


def _not_better(of_run: Sequence[TrainingResult], runs: Sequence[Sequence[TrainingResult]]) -> str:
    """Whether another of the assignment's networks is as good on the same images, which the third is to beat."""
    reached = {
        name: statistics.mean(one.test.accuracy.share for one in others)
        for others, name in zip(runs, names_of([others[0] for others in runs]), strict=True)
        if others[0].recipe.network in ASSIGNMENT[:-1] and same_images(others[0], of_run[0])
    }
    best = max(reached, key=reached.__getitem__, default=None)
    own = statistics.mean(one.test.accuracy.share for one in of_run)
    return f"no better than {best}, {own:.1%} and {reached[best]:.1%}" if best and own <= reached[best] else ""


def _other_images(result: TrainingResult, first: TrainingResult) -> str:
    """Which images a run learned from that are not the first's."""
    data = result.data
    counts = f"{data.train_images:,} to learn from, {data.test_images:,} to test"
    note = note_on_images(result)
    return (
        f"{result.network_name} learned from others than {first.network_name}: {short_name(data.name)}, {counts}"
        f"{f'. {note}' if note else ', to which that does not apply.' if note_on_images(first) else '.'}"
    )


def _train(context: Context) -> list[_Run]:
    runs: list[_Run] = []
    own = recipes(context.training, context.epochs)
    data = load_data(data_set(context.training), own[0].size)
    for recipe in own:
        folder = context.folder / recipe.network
        device = str(context.classifier.device)
        resume = functools.partial(train, data, recipe, out=folder, seed=context.seed, resume=True, device=device)
        if _of_others(folder, device):
            remove_run(folder)
        try:
            trained = resume()
        except OtherRunError:
            # Of an earlier exam with other settings: as all that a part writes, it gives way.
            remove_run(folder)
            trained = resume()
        runs.append((folder, [trained.result]))
    return runs


def _of_others(folder: Path, device: str) -> bool:
    """Whether a finished training in ``folder`` was made with other versions, or on another machine, than this is."""
    try:
        made = [one.provenance for one in read_results(folder)]
    except InputError:  # of an unfinished or damaged one nothing is taken as it is
        return False
    return any((one.versions, one.hardware) != (versions(), hardware(device)) for one in made)


def recipes(dataset: str, epochs: int | None = None) -> list[Recipe]:
    """The three recipes, for images of one size and as many ``epochs`` as are given; cut where they are the digits."""
    own = [read_recipe(name, epochs=epochs) for name in ASSIGNMENT]
    if dataset != DIGITS:
        return own
    return [
        dataclasses.replace(
            recipe,
            epochs=epochs or _EPOCHS_OF_DIGITS[recipe.network],
            batch=_BATCH_OF_DIGITS,
            size=_SIZE_OF_DIGITS,
            augmentation=_AUGMENTATION_OF_DIGITS,
            progressive_resizing=ProgressiveResizing(),
        )
        for recipe in own
    ]


def _images(first: TrainingResult, here: bool) -> str:
    """Which images, and why; ``here`` are runs that the exam itself made."""
    data = first.data
    counts = f"{data.train_images:,} images to learn from, {data.test_images:,} to test, {len(data.labels)} classes."
    if data.name != DIGITS:
        images = f"The images are {short_name(data.name)}: {counts} {data.split_description}"
        return f"{images} {note_on_images(first)}".strip()
    if not here:
        return (
            "The assignment asks for CIFAR-10; the runs that were named (training_runs) are of a tiny set: what "
            f"follows shows the method, not the assignment's numbers. {data.note} {counts}"
        )
    return (
        "The assignment asks for CIFAR-10. No run on it was named (training_runs) and it was not asked for "
        f"(training), so a tiny set stands in, and the recipes are cut to {first.recipe.epochs} epochs in batches of "
        f"{_BATCH_OF_DIGITS} on images of {_SIZE_OF_DIGITS} x {_SIZE_OF_DIGITS}, never mirrored (though to deep a "
        "digit and its mirror image are one): what follows shows the method, not the assignment's numbers. "
        f"{data.note} {counts}"
    )


def _one(sections: _Sections, number: int, out: Path) -> list[Block]:
    """The run of section ``number``, beside those before it: what it is, what was found, why, what it looks like.

    Pictures of several seeds are those of the first.
    """
    names, rates = _names(sections), _RATES if any(_with_rates(sections)) else ""
    sections = sections[:number]
    runs = [section[0] for section in sections]
    folder, of_run = runs[-1]
    network, confusion = of_run[0].recipe.network, _pictured(folder, of_run) / CONFUSION
    if not confusion.is_file():
        raise SnellenError(f"{confusion.parent}: has no {CONFUSION}", "a training run's whole folder")
    caption = "true classes (rows) against predicted ones (columns), in percent of the true class; blank: none."
    return [
        Heading(network, _ABOUT.get(network, "")),
        Paragraph(" ".join([_described(runs), _shown_in(runs), *_further(sections, names)])),
        *_curves(sections, out),
        *_rates(sections, out),
        *_findings(sections, names),
        Picture(confusion, f"{names[id(of_run)]}: {caption}", 0.55, name=f"confusion-{number}"),
        *_choices(runs, rates),
        *_filters(sections, names),
    ]


_Names = Mapping[int, str]
"""What each run is called, by the ``id`` of its results."""


def _names(sections: _Sections) -> _Names:
    """What the runs of all sections are called beside each other."""
    runs = [of_run for section in sections for _, of_run in section]
    return dict(zip(map(id, runs), names_of([of_run[0] for of_run in runs]), strict=True))


def _shown_in(runs: _Runs) -> str:
    """Which figures show the last run."""
    number, pictured = len(runs), _pictured(*runs[-1])
    shown = [f"[[training/curves-{number}]] shows its training", f"[[training/confusion-{number}]] its mistakes"]
    if (pictured / FILTERS).is_file():
        shown.append(f"[[training/filters-{number}]] its first-layer filters")
        shown += [f"[[training/start-{number}]] the same before the first step"] if _learned(pictured) else []
    return f"{listed(shown)}."


def _further(sections: _Sections, names: _Names) -> list[str]:
    """In what each further run of the last section differs from its own, and which figure shows its filters."""
    (_, of_run), *others = sections[-1]
    figures = {id(other): f"[[training/{name}]]" for name, (_, other) in _filters_of_further(sections)}
    return [
        f"Another run, {names[id(other)]}, {describe_recipe(other[0].recipe, [of_run[0].recipe]).removeprefix('It ')}"
        + (f" {figures[id(other)]} shows its filters." if id(other) in figures else "")
        for _, other in others
    ]


def _filters_of_further(sections: _Sections) -> list[tuple[str, _Run]]:
    """The further runs of the last section with a picture of their first-layer filters, each with its figure's name."""
    pictured = [run for run in sections[-1][1:] if (_pictured(*run) / FILTERS).is_file()]
    return [(f"filters-{len(sections)}-{place}", run) for place, run in enumerate(pictured, 2)]


def _learned(pictured: Path) -> bool:
    """Whether the filters after training are others than those before the first step."""
    start, end = pictured / FILTERS_START, pictured / FILTERS
    return start.is_file() and start.read_bytes() != end.read_bytes()


def _findings(sections: _Sections, names: _Names) -> list[Block]:
    """What the last section's runs show beside those before them; what is of one of several runs names it."""
    *before, (_, of_run) = (section[0] for section in sections)
    name, final = names[id(of_run)], final_accuracy([one for _, one in sections[-1]])
    said, now = (
        compare(shown, rates=_RATES, names=[names[id(one)] for one in shown])
        for shown in ([results for section in of for _, results in section] for of in (sections[:-1], sections))
    )
    compared = [sentence for sentence in now if sentence not in said]
    chosen = choices_on_test_images(of_run[0])
    found, *more = (said for said in discuss(of_run[0], [of_one[0] for _, of_one in before]) if said != chosen)
    if len(of_run) == 1 and final:
        return [Discussion([final, f"Of {name}: {clause(' '.join([found, *more]))}", *compared])]
    if len(of_run) == 1:
        return [Discussion([f"{found} {chosen}".strip(), *compared, *more])]
    seeds = f"{final} Of {name}: {seeds_sentence(of_run)}." if final else f"{sentence(seeds_sentence(of_run))}."
    first = f"What follows is of the first seed{f' of {name}' if final else ''}."
    return [Paragraph(f"{seeds} {chosen}".strip()), Discussion([*compared, f"{first} {found}", *more])]


def _curves(sections: _Sections, out: Path) -> list[Block]:
    """The runs' curves."""
    number = len(sections)
    curves, shown = out / f"curves-{number}.png", [run for section in sections for run in section]
    write_figure(curves, draw_curves([one for _, of_run in shown for one in of_run]))
    return [Picture(curves, _curves_caption(shown), 0.85, name=f"curves-{number}")]


def _rates(sections: _Sections, out: Path) -> list[Block]:
    """A figure of what is known of the last two sections' networks at other learning rates."""
    if not _with_rates(sections)[-1]:
        return []
    write_figure(out / RATES, draw_rates())
    return [Picture(out / RATES, _RATES_CAPTION, 0.85, name="rates")]


def _with_rates(sections: _Sections) -> list[bool]:
    """For each section whether something is known of its network, and that before it, at other learning rates."""
    recipes_of = [section[0][1][0].recipe for section in sections]
    return [bool(at_each_rate(*recipes_of[max(place - 1, 0) : place + 1])) for place in range(len(recipes_of))]


def _choices(runs: _Runs, rates: str) -> list[Block]:
    """Why the last run's network and recipe are as they are; ``rates`` names a figure of learning rates, if any."""
    result = runs[-1][1][0]
    why = list(filter(None, (discuss_network(result), _reasons(runs, rates))))
    if _is_own_deep(result.recipe):
        return [_ablations(), Discussion([*why, discuss_ablations("[[training/ablations]]")])]
    return [Discussion(why)] if why else []


def _described(runs: _Runs) -> str:
    """The last run's network and recipe, beside those before it."""
    *before, recipe = (of_run[0].recipe for _, of_run in runs)
    return f"{describe_network(recipe)} {describe_recipe(recipe, before)}".strip()


def _reasons(runs: _Runs, rates: str) -> str:
    """The last run's reasons, without those that were given for an earlier one."""
    of_each = [explain_recipe(of_run[0], rates) for _, of_run in runs]
    given = {reason for reasons in of_each[:-1] for reason in reasons}
    return " ".join(reason for reason in of_each[-1] if reason not in given)


def _is_own_deep(recipe: Recipe) -> bool:
    """Whether the ablations speak of this recipe: the network and the choices they undo."""
    own = read_recipe("deep")
    return (recipe.network, recipe.optimiser, recipe.initialisation) == (own.network, own.optimiser, own.initialisation)


def _ablations() -> Table:
    """What the accuracy is with each choice of the recipe ``deep`` undone."""
    measured = [(one.accuracy, one.undone) for one in ABLATIONS]
    measured.append((TWO_NARROW, "two networks of 48, 176 and 176 filters in place of one"))
    rows = [(undone, f"{accuracy:.2%}", signed(100 * (accuracy - BASE), 2)) for accuracy, undone in sorted(measured)]
    return Table(
        ("one choice undone", "held out", "points"),
        [("nothing (the baseline)", f"{BASE:.2%}", ""), *rows],
        "What each choice of deep is worth to a single, narrower network of its kind (48, 256 and 256 filters): "
        f"accuracy on {HELD_OUT_IMAGES:,} training images that were held out, of a copy of CIFAR-10 in JPEG, after 4 "
        "epochs, one seed. Measured beforehand, by benchmarks/ablations.py on AMD EPYC (family 26, model 2).",
        "ablations",
    )


def _curves_caption(runs: _Runs) -> str:
    shown = [result for _, of_run in runs for result in of_run]
    resized = any(result.recipe.progressive_resizing.share for result in shown)
    smoothed = any(result.recipe.label_smoothing for result in shown)
    parts = [
        f"{_CURVES} and accuracy on the augmented training images, the mean over an epoch in which the weights change "
        "(lines), accuracy on the test images (diamond, with its 95% interval where that is larger), and the epoch's "
        f"mean learning rate (logarithmic){_BESIDE if len(runs) > 1 else ''}.",
        "Lines of one colour are seeds." if any(len(of_run) > 1 for _, of_run in runs) else "",
        "Dotted: the smallest loss that smoothed targets allow." if smoothed else "",
        "Where the images grow to their full size the loss bends." if resized else "",
    ]
    return " ".join(filter(None, parts))


def code(context: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook, of a network its curves first; empty where none does."""
    if picture.endswith(CONFUSION):
        return "draw_confusion(network)"
    if picture.endswith(RATES):
        return "draw_rates()"
    numbered = re.fullmatch(r"curves-([1-9]\d{0,2})\.png", picture)
    if numbered is None:
        return ""
    given = [sum(len(of_run) for _, of_run in section) for section in _sections(_given(context))]
    of_each = given or [1] * len(ASSIGNMENT)
    before = sum(of_each[: int(numbered[1]) - 1])
    read = (
        "from snellen.exam.results import read_trainings\n"
        "from snellen.training.figures import draw_confusion, draw_curves, draw_rates\n\n"
        "trainings = read_trainings()\n"
    )
    return (
        f"{'' if before else read}network = trainings[{before}]\n"
        f"draw_curves(trainings[:{sum(of_each[: int(numbered[1])])}])"
    )


def _filters(sections: _Sections, names: _Names) -> list[Block]:
    """The first-layer filters of the last section's runs, of its own before the first step too where that made a
    difference; and in words.
    """
    number, (folder, of_run) = len(sections), sections[-1][0]
    name, pictured = names[id(of_run)], _pictured(folder, of_run)
    if not (pictured / FILTERS).is_file():
        return []
    caption = _filters_caption(of_run[0], name)
    pictures: list[Block] = [Picture(pictured / FILTERS, caption, name=f"filters-{number}")]
    if _learned(pictured):
        before = f"{name}: the same filters before the first step."
        pictures.append(Picture(pictured / FILTERS_START, before, name=f"start-{number}"))
    about, *compared = _about_filters([section[0] for section in sections])
    further = []
    for figure, run in _filters_of_further(sections):
        other = names[id(run[1])]
        caption = f"{other}: its first-layer filters, drawn as those of {name}."
        pictures.append(Picture(_pictured(*run) / FILTERS, caption, name=figure))
        said = _sentences_on_filters(run)[:1]
        compared_too = _filters_compared(run, sections[-1][0], f"those of {name}")
        further.append(" ".join(filter(None, [*(f"In {other} {clause(one)}" for one in said), compared_too])))
    about = f"In {name} {clause(about)}" if further and about else about
    return [*pictures, Discussion([about, *compared, *further])]


def _about_filters(runs: _Runs) -> list[str]:
    """What the last run's filters show, and of the normalised network beside those without; nothing is said twice."""
    sentences = _sentences_on_filters(runs[-1])
    for run in runs[:-1]:
        said = _sentences_on_filters(run)
        sentences = [sentence for sentence in sentences if sentence not in said]
    plain = next((run for run in runs[:-1] if run[1][0].recipe.network == "plain"), None)
    compared = ""
    if plain is not None and runs[-1][1][0].recipe.network == "batchnorm":
        compared = _filters_compared(runs[-1], plain, "the filters without batch normalisation")
    return [" ".join(sentences), *([compared] if compared else [])]


def _sentences_on_filters(run: _Run) -> list[str]:
    result = run[1][0]
    if result.first_layer is None or not (_pictured(*run) / FILTERS).is_file():
        return []
    return discuss_filters(_structure(*run), result.recipe.initialisation, min(result.first_layer[2:]))


def _filters_compared(run: _Run, other: _Run, others: str) -> str:
    """The filters of one run beside those of another, which are called ``others``; empty where they do not compare."""
    (result, *_), (before, *_) = run[1], other[1]
    if before.first_layer != result.first_layer or not (_pictured(*other) / FILTERS).is_file():
        return ""
    return compare_filters(_structure(*run), _structure(*other), others, cause_of_difference(before, result))


def _structure(folder: Path, of_run: Sequence[TrainingResult]) -> FilterStructure:
    """What is measured on the picture of a run's filters, which older runs have as well."""
    shape = of_run[0].first_layer
    assert shape is not None  # there is a picture of them
    file = _pictured(folder, of_run) / FILTERS
    try:
        return filter_structure(filters_of_image(read_image(file), shape))
    except InputError as error:
        raise InputError(f"{file}: {error.message}", error.hint) from error


def _filters_caption(result: TrainingResult, name: str) -> str:
    assert result.first_layer is not None  # there is a picture of them
    count, _, height, width = result.first_layer
    how = {
        "whitened": ", which are not learned: they decorrelate the training images' patches, and the second half are "
        "mirror images of the first"
    }.get(result.recipe.initialisation, "")
    return (
        f"{name}: the {count} {_FILTERS} of {height} x {width}{how}; 16 in a row, each stretched by "
        "itself, so that its smallest value becomes 0 and its largest 1."
    )
