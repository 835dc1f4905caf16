"""Sentences about training runs, each computed from their numbers."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

from snellen.data.datasets.leaks import describe_leaks
from snellen.intervals import Rate
from snellen.models.scores import most_confused
from snellen.runs.serialise import differences, to_plain
from snellen.training.initialise import ABOUT
from snellen.training.recipe import Adversarial, Recipe
from snellen.training.results import TrainingResult, rate_at

_ABOUT_NETWORKS = {
    "plain": (
        "64 filters of 11 x 11, ReLU, 2 x 2 max pooling with stride 2; 128 filters of 3 x 3, ReLU; 128 filters of "
        "3 x 3, ReLU; the average over the whole map; a linear layer and softmax. Padding keeps each convolution's "
        "output as large as its input."
    ),
    "batchnorm": (
        "The same with batch normalisation between the hidden layers: after the first and the second convolution, "
        "before their ReLU."
    ),
    "deep": (
        "A first layer of 2 x 2 filters that only decorrelates; three groups of two 3 x 3 convolutions, with 3 x 3 "
        "max pooling of stride 2 after the first of each, batch normalisation without a scale, and GELU; the maximum "
        "of each channel over the map; a linear layer and softmax. Everywhere half of the filters are the mirror "
        "images of the other half, and the head adds the two of each pair, so a mirrored image gets the same answer."
    ),
}
"""The three networks of the assignment, in words."""


def describe_network(recipe: Recipe) -> str:
    """The architecture in a few sentences; empty for a network of the user's own."""
    members = _members(recipe)
    together = (
        f" The recipe trains {members} such networks independently, side by side, each from its own loss, and averages "
        "their logits."
        if members > 1
        else ""
    )
    return _ABOUT_NETWORKS.get(recipe.network, "") + together


def _members(recipe: Recipe) -> int:
    return int(recipe.network_options.get("members", 1)) if recipe.network == "deep" else 1


def describe_recipe(recipe: Recipe) -> str:
    """The hyper-parameters in a few sentences."""
    optimiser, augmentation, resizing = recipe.optimiser, recipe.augmentation, recipe.progressive_resizing
    method = {
        "sgd": f"SGD with Nesterov momentum {optimiser.momentum:g}",
        "adamw": "AdamW",
        "muon": f"Muon with momentum {optimiser.momentum:g} for the filters (AdamW, {optimiser.adamw_learning_rate:g}, "
        "for the rest)",
    }[optimiser.name]
    rise = f"rises over the first {recipe.schedule.warmup:.0%} of the steps and then " if recipe.schedule.warmup else ""
    changes = [
        {"none": "", "random": "mirrored at random", "alternating": "mirrored every other epoch"}[augmentation.flip],
        f"shifted by up to {augmentation.translate} pixels" if augmentation.translate else "",
        f"cut by a square of {augmentation.cutout} pixels" if augmentation.cutout else "",
        f"reduced to {resizing.size} pixels for the first {resizing.share:.0%} of the epochs"
        if resizing.size and resizing.share
        else "",
    ]
    changed = ", ".join(change for change in changes if change) or "not augmented"
    smoothing = f" The targets are smoothed by {recipe.label_smoothing:g}." if recipe.label_smoothing else ""
    return (
        f"{recipe.epochs} epochs in batches of {recipe.batch} with {method}; the learning rate {rise}falls in a "
        f"straight line from its peak, {optimiser.learning_rate:g}, to zero; weight decay {optimiser.weight_decay:g}. "
        f"The images are {changed}.{_hardened(recipe.adversarial)}{smoothing} "
        f"Initialisation: {ABOUT[recipe.initialisation]}."
    )


def _hardened(adversarial: Adversarial) -> str:
    if not adversarial.epsilon:
        return ""
    return (
        f" The network learns from adversarial examples in their place, within {adversarial.epsilon:g}/255 of them, "
        f"found in {adversarial.steps} steps."
    )


def discuss(result: TrainingResult) -> list[str]:
    """What one run shows."""
    last, test = result.history[-1], result.test.accuracy
    labels = result.data.labels
    scores = [(rate.share, label) for rate, label in zip(result.test.per_class, labels, strict=True) if rate.n]
    best, worst = max(scores), min(scores)
    sentences = [
        f"The training loss {_course([epoch.loss for epoch in result.history])}; chance is "
        f"{math.log(len(labels)):.3f}.",
        f"Test accuracy: {_accuracy(result)}, on {test.n:,} images, measured once, after the last epoch.",
        f"While it learned, {last.accuracy:.1%} of the augmented training images were classified correctly in the last "
        f"epoch: the test accuracy is {abs(last.accuracy - test.share) * 100:.1f} points "
        f"{'below' if test.share < last.accuracy else 'above'} that"
        + (
            ", so what is left to gain is mostly generalisation."
            if last.accuracy - test.share > 0.05
            else ", so the network is held back by what it can fit rather than by memorising."
        ),
        f"{best[1]} is the easiest class ({best[0]:.1%}), {worst[1]} the hardest ({worst[0]:.1%}).",
    ]
    for mistake in most_confused(result.test, 1):
        total = result.test.per_class[mistake.true].n
        sentences.append(
            f"The commonest mistake is to call {labels[mistake.true]} {labels[mistake.predicted]}: {mistake.count} of "
            f"{total}."
        )
    if result.test_tta is not None:
        with_tta = result.test_tta.accuracy.share
        sentences.append(
            f"With test-time augmentation (six variants of each image, reported apart) it is {with_tta:.2%}, "
            f"{(with_tta - test.share) * 100:+.2f} points."
        )
    if result.data.leaks:
        sentences.append(describe_leaks(result.data.leaks, test.n))
    return sentences


def _course(losses: Sequence[float]) -> str:
    first, last = losses[0], losses[-1]
    if len(losses) == 1:
        return f"is {first:.3f} in the only epoch"
    verb = "falls" if last < first else "rises" if last > first else "stays as it is,"
    return f"{verb} from {first:.3f} in the first epoch to {last:.3f} in epoch {len(losses)}"


def compare(runs: Sequence[Sequence[TrainingResult]]) -> list[str]:
    """What ``plain``, ``batchnorm`` and ``deep`` on the same images show beside each other, and runs of one network.

    Args:
        runs: results of each run, which differ in their seeds; of several runs of one network the first counts, and the
            others are laid beside it.
    """
    by_network: dict[str, Sequence[TrainingResult]] = {}
    again = []
    for results in runs:
        first = by_network.setdefault(results[0].recipe.network, results)
        if first is not results:
            again.append(_another_of_one_network(results, first))
    sentences: list[str] = []
    if "plain" in by_network and "batchnorm" in by_network:
        sentences += _what_normalisation_changed(by_network["plain"][0], by_network["batchnorm"][0])
        sentences.append(_difference(by_network["batchnorm"], by_network["plain"]))
    for other in ("batchnorm", "plain"):
        if "deep" in by_network and other in by_network:
            sentences.append(_difference(by_network["deep"], by_network[other]))
    if "deep" in by_network and "plain" in by_network:
        sentences.append(_why_deeper(by_network["deep"][0], by_network["plain"][0]))
    return sentences + again


def _what_normalisation_changed(plain: TrainingResult, normalised: TrainingResult) -> list[str]:
    losses = [epoch.loss for epoch in normalised.history]
    end = plain.history[-1].loss
    reached = next((number for number, loss in enumerate(losses, start=1) if loss <= end), None)
    sentences = [
        f"In the first epoch the loss is {plain.history[0].loss:.3f} without batch normalisation and {losses[0]:.3f} "
        f"with it; in the last, {end:.3f} and {losses[-1]:.3f}."
    ]
    if reached is None:
        sentences.append("With it, the loss never comes down to where the run without it ends.")
    else:
        sentences.append(
            f"With it, the loss is where the run without it ends ({end:.3f} after {len(plain.history)} epochs) "
            f"after {reached} epoch{'s' if reached > 1 else ''}."
        )
    sentences.append(
        f"{_what_else_differs(plain, normalised)} The normalisation gives each channel the same mean and deviation "
        f"whatever the layers before it do, so steps of one size suit all layers."
    )
    return sentences


def _what_else_differs(one: TrainingResult, other: TrainingResult) -> str:
    """Whether two runs can be compared, apart from their networks."""
    apart = _settings_apart(one, other)
    if not apart:
        return "Both runs share every setting and the order of the images."
    return f"The runs also differ in {apart}, so not all of this is the normalisation's."


def _settings_apart(one: TrainingResult, other: TrainingResult) -> str:
    """The settings in which two runs differ, and both values of each; not the networks' names."""
    settings = (
        {
            "seed": run.seed,
            "train_images": run.data.train_images,
            "held_out_images": run.data.held_out_images,
            "processes": run.processes,
            "precision": run.precision,
            "data": run.provenance.data,
        }
        | to_plain(run.recipe)
        for run in (one, other)
    )
    return ", ".join(
        f"{'.'.join(path)} ({here} and {there})" for path, here, there in differences(*settings) if path != ("network",)
    )


def _another_of_one_network(other: Sequence[TrainingResult], first: Sequence[TrainingResult]) -> str:
    apart = _settings_apart(first[0], other[0])
    seeds = f"number of seeds ({len(first)} and {len(other)})" if len(first) != len(other) else ""
    differs = ", ".join(part for part in (apart, seeds) if part)
    settings = f"which differs in {differs}" if differs else "alike in every setting"
    return f"Another run of {first[0].network_name}, {settings}, {_beside(other, first, 'the first')}."


def _difference(better: Sequence[TrainingResult], other: Sequence[TrainingResult]) -> str:
    return f"{better[0].title} {_beside(better, other, other[0].title)}."


def _beside(one: Sequence[TrainingResult], other: Sequence[TrainingResult], name: str) -> str:
    """A clause on the accuracy of ``one`` beside that of ``other``, which is called ``name``."""
    if one[0].provenance.data != other[0].provenance.data:
        return f"was tested on other images than {name}, so their accuracies do not compare"
    here, there = (_mean(results) for results in (one, other))
    points = f"{abs(here.share - there.share) * 100:.1f}"
    if float(points) == 0:
        return f"is as good as {name} on the test images, to a tenth of a point"
    apart = "do not overlap" if here.low > there.high or here.high < there.low else "overlap"
    above = "above" if here.share > there.share else "below"
    return f"is {points} points {above} {name} on the test images; their 95% intervals {apart}"


def _mean(results: Sequence[TrainingResult]) -> Rate:
    """The mean test accuracy over seeds, with the interval of one network that has it."""
    return rate_at(statistics.mean(result.test.accuracy.share for result in results), results[0].test.accuracy.n)


def _why_deeper(deep: TrainingResult, plain: TrainingResult) -> str:
    members = _members(deep.recipe)
    together = (
        f" Its {members} independently trained networks err differently, so their mean errs less."
        if members > 1
        else ""
    )
    firsts = [
        f"{shape[0]} filters of {shape[2]} x {shape[3]}" if (shape := result.first_layer) else "no convolution"
        for result in (deep, plain)
    ]
    return (
        f"deep starts with {firsts[0]} where plain has {firsts[1]}, and spends its {deep.parameters:,} parameters "
        f"(plain: {plain.parameters:,}) on wide 3 x 3 layers that work on small maps. Seven layers of small "
        f"filters see as far as one of large ones, with a nonlinearity at each step. Half of its filters are mirror "
        f"images of the other half, which share their weights: what it learns of a thing it knows of its mirror "
        f"image.{together}"
    )


def table(runs: Sequence[Sequence[TrainingResult]]) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of a table with a row for each run, whose results differ in their seeds."""
    columns = ["network", "parameters", "epochs", "test accuracy", "95% interval", "seeds", "minutes"]
    rows = []
    for results in runs:
        first = results[0]
        shares = [result.test.accuracy.share for result in results]
        deviation = f" ± {statistics.stdev(shares) * 100:.2f}" if len(shares) > 1 else ""
        rate = _mean(results)
        rows.append(
            [
                first.network_name,
                f"{first.parameters:,}",
                str(first.recipe.epochs),
                f"{statistics.mean(shares):.2%}{deviation}",
                f"{rate.low:.2%} to {rate.high:.2%}",
                str(len(results)),
                f"{statistics.mean(result.seconds for result in results) / 60:.1f}",
            ]
        )
    return columns, rows


def where(results: Sequence[TrainingResult]) -> str:
    """One sentence on the machines that the minutes of training were spent on."""
    trained: dict[str, list[str]] = {}
    for result in results:
        several = f", {result.processes} processes" if result.processes > 1 else ""
        machine = f"{result.provenance.hardware}, products in {result.precision}{several}"
        names = trained.setdefault(machine, [])
        if (name := result.network_name) not in names:
            names.append(name)
    if len(trained) == 1:
        return f"Minutes of training on {next(iter(trained))}."
    parts = (f"{', '.join(names)} on {machine}" for machine, names in trained.items())
    return f"Minutes of training: {'; '.join(parts)}."


def _accuracy(result: TrainingResult) -> str:
    rate = result.test.accuracy
    return f"{rate.share:.2%} (95% interval {rate.low:.2%} to {rate.high:.2%})"


def seeds_sentence(results: Sequence[TrainingResult]) -> str:
    """Mean and deviation over seeds of the test accuracy, test-time augmentation apart; of one seed, its interval."""
    if len(results) == 1:
        return f"test accuracy {_accuracy(results[0])}"
    shares = [result.test.accuracy.share for result in results]
    with_tta = [result.test_tta.accuracy.share for result in results if result.test_tta is not None]
    apart = f"; with test-time augmentation, reported apart, {statistics.mean(with_tta):.2%}" if with_tta else ""
    return (
        f"test accuracy {statistics.mean(shares):.2%}, deviation {statistics.stdev(shares) * 100:.2f} points over "
        f"{len(shares)} seeds ({', '.join(f'{share:.2%}' for share in shares)}){apart}"
    )
