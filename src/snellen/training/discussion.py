"""Sentences about training runs, each computed from their numbers."""

from __future__ import annotations

import dataclasses
import itertools
import math
import statistics
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import torch
from scipy.stats import pearsonr
from torch import nn

from snellen.data.datasets.leaks import describe_leaks
from snellen.intervals import SIGNIFICANCE, Estimate, Paired, Rate
from snellen.models.create import create
from snellen.models.networks import first_convolutions
from snellen.models.scores import most_confused
from snellen.models.uninitialised import Uninitialised
from snellen.prose import apart, counted, listed, p_value, plain, rounded_down, sentence, share, signed, word
from snellen.runs.serialise import differences, to_plain
from snellen.training.ablations import ABLATIONS, ALONE, BASE, HELD_OUT_IMAGES, TOGETHER, TWO_NARROW, WHOLE
from snellen.training.filters import COLUMNS, ORIENTED, SECTOR, FilterStructure, Floats
from snellen.training.initialise import ABOUT
from snellen.training.normalisation import FOUND, SEARCHED
from snellen.training.recipe import ASSIGNMENT, Adversarial, Initialisation, Recipe, read_recipe
from snellen.training.results import TrainingResult, names_of, rate_at, same_images, smoothed_floor

_ABOUT_NETWORKS = {
    "plain": (
        "The network, built and trained in PyTorch, is what the assignment asks for: 64 filters of 11 x 11, ReLU, 2 x "
        "2 max pooling with stride 2; 128 filters of 3 x 3, ReLU; 128 filters of 3 x 3, ReLU; the average over the "
        "whole map; a linear layer and softmax. Padding keeps each convolution's output as large as its input."
    ),
    "batchnorm": (
        "The same network with batch normalisation between the hidden layers. There are three of them and so two "
        "places: after the first and after the second convolution, before the ReLU, where Ioffe and Szegedy put it."
    ),
    "deep": (
        "The network follows Jordan's airbench networks. It has a first layer of 2 x 2 filters; three groups of two "
        "3 x 3 convolutions{widths}, with 3 x 3 max pooling of stride 2 after the first of each, batch normalisation "
        "without a scale, and GELU; the maximum "
        "of each channel over the map; a linear layer and softmax. Everywhere half of the filters are the mirror "
        "images of the other half, and the head adds the two of each pair, so a mirrored image gets the same answer."
    ),
}
"""The three networks of the assignment, in words."""


def describe_network(recipe: Recipe) -> str:
    """The architecture in a few sentences; empty for a network of the user's own."""
    members = _members(recipe)
    together = (
        f" {sentence(word(members))} such networks are trained independently, side by side, each from its own loss, "
        "and their logits are averaged."
        if members > 1
        else ""
    )
    widths = recipe.network_options.get("widths", ())
    filters = f" of {listed([str(width) for width in widths])} filters, group by group" if widths else ""
    return _ABOUT_NETWORKS.get(recipe.network, "").format(widths=filters) + together


def _members(recipe: Recipe) -> int:
    return int(recipe.network_options.get("members", 1)) if recipe.network == "deep" else 1


def describe_recipe(recipe: Recipe, before: Sequence[Recipe] = ()) -> str:
    """The hyper-parameters in a few sentences; of one ``before`` that they are those of it, or what alone differs."""
    for other in before:
        apart_in = {path for path, _, _ in differences(to_plain(recipe), to_plain(other))} - {_NETWORK}
        name = other.network.rpartition("/")[2]
        if not apart_in:
            return f"It learned as {name} did: with the same hyper-parameters, augmentation and initialisation."
        if apart_in == {_RATE}:
            return (
                f"It learned as {name} did, but for the peak of the learning rate, which is "
                f"{recipe.optimiser.learning_rate:g} in place of {other.optimiser.learning_rate:g}."
            )
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
        f"shifted by up to {counted(augmentation.translate, 'pixel')} (the border reflected)"
        if augmentation.translate
        else "",
        f"blanked out in a square of {augmentation.cutout} x {augmentation.cutout} pixels"
        if augmentation.cutout
        else "",
        f"reduced to {resizing.size} pixels for the first {resizing.share:.0%} of the epochs"
        if resizing.size and resizing.share
        else "",
    ]
    changed = ", ".join(change for change in changes if change) or "not augmented"
    known = any(one.initialisation == recipe.initialisation for one in before)
    smoothing = f" The targets are smoothed by {recipe.label_smoothing:g}." if recipe.label_smoothing else ""
    return (
        f"It learned for {counted(recipe.epochs, 'epoch')} in batches of {recipe.batch:,} with {method}; the learning "
        f"rate {rise}falls in a straight line from its peak, {optimiser.learning_rate:g}, to zero; the weight decay is "
        f"{optimiser.weight_decay:g}. The images are {changed}; each colour has the training images' mean subtracted "
        f"and is divided by their standard deviation.{_hardened(recipe.adversarial)}{smoothing} "
        f"Initialisation: {'as above' if known else ABOUT[recipe.initialisation]}."
    )


def _hardened(adversarial: Adversarial) -> str:
    if not adversarial.epsilon:
        return ""
    return (
        f" The network learns from adversarial examples in their place, within {adversarial.epsilon:g}/255 of them, "
        f"found in {adversarial.steps} steps."
    )


_FIRST_STEPS = {
    True: "AdamW divides by an average of the gradients' squares, which at first rests on few of them, so that single "
    "steps would be too long",
    False: "where training begins the loss tends to be curved most, so that a long step would overshoot",
}
"""Why the first steps are short, of AdamW and of the other optimisers."""


def explain_recipe(result: TrainingResult, rates: str = "") -> list[str]:
    """Why the hyper-parameters are what they are, as far as they are the recipe's own choice; in sentences.

    Args:
        result: the run.
        rates: what names a figure of the learning rates that were tried; empty where there is none.
    """
    recipe, images = result.recipe, result.data.train_images
    reasons = []
    if recipe.schedule.warmup:
        reasons.append(
            f"the rate starts low because {_FIRST_STEPS[recipe.optimiser.name == 'adamw']}, and ends at zero so that "
            "the last steps settle"
        )
    else:
        reasons.append("the rate falls to zero so that the last steps settle")
    if recipe.augmentation.flip != "none" or recipe.augmentation.translate:
        needless = " (which so few epochs may not need)" if _limit_of(result) == "not overfitting" else ""
        reasons.append(
            f"images that differ each time they are shown are meant to make memorising them harder{needless}"
        )
    if recipe.optimiser.name == "adamw":
        reasons.append(
            "AdamW scales each weight's step by its own gradients, so one rate serves weights of small gradients and "
            "of large ones"
        )
    if recipe.optimiser.name == "muon":
        reasons.append(
            "Muon gives every direction of a filter bank a step of the same size, so that few epochs suffice"
        )
    if recipe.label_smoothing:
        reasons.append("smoothed targets keep the logits from growing without end once an image is right")
    if recipe.progressive_resizing.size and recipe.progressive_resizing.share:
        reasons.append("small images in the first epochs cost less, and are meant to teach the coarse shapes first")
    told = (_steps(recipe, images), _decay(recipe, images), _rate(recipe, rates))
    return [f"The reasons: {'; '.join(reasons)}.", *filter(None, told)]


def _steps(recipe: Recipe, images: int) -> str:
    """How many steps the batch leaves to the training; of our own recipes nobody tuned it."""
    an_epoch = -(-images // recipe.batch)
    untuned = recipe.network in ASSIGNMENT and recipe.batch == read_recipe(recipe.network).batch
    return (
        f"{sentence(counted(recipe.epochs, 'epoch'))} of {counted(an_epoch, 'step')} "
        f"{'makes' if recipe.epochs == 1 else 'make'} {counted(recipe.epochs * an_epoch, 'step')}"
        + (f"; the batch of {recipe.batch:,} was not tuned." if untuned else ".")
    )


def _decay(recipe: Recipe, images: int) -> str:
    """How much AdamW's weight decay takes in all, where the rate rises from zero and falls to it in straight lines."""
    decay = recipe.optimiser.weight_decay
    if recipe.optimiser.name != "adamw" or not decay:
        return ""
    steps = recipe.epochs * -(-images // recipe.batch)
    left = math.exp(-steps * recipe.optimiser.learning_rate / 2 * decay)
    return f"Over all steps the weight decay alone would shrink a weight by {share(1 - left)}."


def _rate(recipe: Recipe, figure: str) -> str:
    """How the learning rate was chosen, of our own recipes for the assignment's first two networks."""
    if not _searched(recipe):
        return ""
    tried, rate = SEARCHED[recipe.network], recipe.optimiser.learning_rate
    measured = listed([f"{accuracy:.1%} with {one:g}" for one, accuracy in tried.items()])
    how = (
        f"{word(len(tried))} that were tried on the published images, {HELD_OUT_IMAGES:,} of the training images held "
        f"out, for 10 epochs with two seeds each{f' ({figure})' if figure else f': {measured}'}"
    )
    if max(tried, key=tried.__getitem__) == rate:
        return f"The peak of the rate, {rate:g}, is the best of {how}."
    plains = f"The peak of the rate, {rate:g}, is that of plain, so that every setting but the normalisation is alike."
    return plains if figure else f"{plains} Of {how}."


def discuss_network(result: TrainingResult) -> str:
    """What the shape of ``plain`` or ``batchnorm`` means for its parameters and its view; of ``deep`` why it has its.

    Empty of other networks, and of images smaller than a filter.
    """
    if result.recipe.network == "deep":
        return f"{_DESIGN_OF_DEEP}{_trained_of(result)}"
    if result.recipe.network not in _OF_THREE_CONVOLUTIONS:
        return ""
    network = create(result.recipe.network, len(result.data.labels))
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    norms = [module for module in network.modules() if isinstance(module, nn.BatchNorm2d)]
    if norms:
        added = sum(parameter.numel() for norm in norms for parameter in norm.parameters())
        lost = sum(convolution.out_channels for convolution in convolutions if convolution.bias is None)
        return (
            f"The normalisations add {added:,} scales and shifts and make {lost:,} biases of the convolutions before "
            f"them needless: {added - lost:,} parameters more, {result.parameters:,} in all."
        )
    (first, *_, last), pixels, side = convolutions, result.recipe.size, convolutions[0].kernel_size[0]
    if pixels < side:
        return ""
    weights = sum(parameter.numel() for parameter in first.parameters())
    third = sum(parameter.numel() for parameter in last.parameters())
    flat = last.out_channels * (pixels // 2) ** 2 * len(result.data.labels)
    corner = ((side + 1) // 2) ** 2 / side**2
    return (
        f"Of its {result.parameters:,} parameters {weights:,} are the first layer's and {third:,} the third's. Each of "
        f"the first's filters weighs {side**2} of {pixels**2:,} pixels at once, room for a shape where an edge would "
        f"need less; at the corner of the image {share(1 - corner)} of it lies on the padding. The average over the "
        f"map leaves the linear layer {last.out_channels * len(result.data.labels):,} weights, where the map "
        f"itself would need {flat:,}; the price is that the network knows that a shape is there and not where."
    )


_DESIGN_OF_DEEP = (
    "Why it is designed so. The 2 x 2 filters of the first layer need not learn: they "
    "decorrelate the patches of the training images, so the next layers begin with sums and differences of pixels that "
    "are all of one size. A 3 x 3 filter has 9 weights a channel where the assignment's first ones have 121, and six "
    "behind each other, each with a nonlinearity and every two with a pooling between, see as far: each value of the "
    "last map depends on 58 x 58 pixels, more than an image has. The maximum over the map asks whether a shape is "
    "there at all, where an average would dilute it. A normalisation without a scale "
    "leaves the size of each channel to the filters that read it. The mirror image of a frog is a frog, so half of the "
    "filters are given away for the certainty that both get one answer."
)
_OF_THREE_CONVOLUTIONS = ("plain", "batchnorm")


def _trained_of(result: TrainingResult) -> str:
    """How many of the parameters of ``deep`` are trained, where not all are; else empty."""
    frozen = frozen_parameters(result)
    if not frozen:
        return ""
    return (
        f" Of its {result.parameters:,} parameters {result.parameters - frozen:,} are trained; the other {frozen:,} "
        f"are "
        "the first layer's filters."
    )


def frozen_parameters(result: TrainingResult) -> int:
    """How many of a network's parameters are fixed from the start: the first filters of one of ours that whitens."""
    recipe = result.recipe
    if recipe.initialisation != "whitened" or recipe.network not in ASSIGNMENT:
        return 0
    # Its options are a file's, which may be anybody's: to count its numbers, none is allocated.
    with torch.device("meta"), Uninitialised():
        network = create(recipe.network, len(result.data.labels), recipe.network_options)
    return sum(one.weight.numel() for one in first_convolutions(network))


def discuss(result: TrainingResult, before: Sequence[TrainingResult] = ()) -> list[str]:
    """What one run shows, a paragraph each: accuracy, what was tested before it, how it learned and what limits it, its
    mistakes.

    Args:
        result: the run.
        before: runs that were discussed just before it; how all were tested is not told again.
    """
    paragraphs = [
        _found(result, before),
        *filter(None, [choices_on_test_images(result)]),
        f"{_course(result, before)} {_what_limits(result, before)}".strip(),
        _mistakes(result),
    ]
    if result.data.leaks:
        paragraphs.append(describe_leaks(result.data.leaks, result.test.accuracy.n))
    return paragraphs


def final_accuracy(runs: Sequence[Sequence[TrainingResult]]) -> str:
    """Which of several runs of one network at different learning rates has its final test accuracy; of one, empty.

    Not the one that does best on the test images: that at the best of the rates that were tried on images held out of
    training, or where none is at that, the first.

    Args:
        runs: results of each run, which differ in their seeds; at least one.
    """
    if len(runs) < 2:
        return ""
    first = runs[0]
    final = next((results for results in runs if _is_best_tried(results[0].recipe)), first)
    why = (
        f", the best of the {word(len(SEARCHED[final[0].recipe.network]))} rates tried on images held out of training"
        if _is_best_tried(final[0].recipe)
        else ", where it differs from plain in the normalisation alone"
    )
    others = [
        f"at rate {results[0].recipe.optimiser.learning_rate:g} it is {_mean(results).share:.2%}"
        for results in runs
        if results is not final
    ]
    return (
        f"The final test accuracy of {final[0].network_name} is {_mean(final).share:.2%}, at rate "
        f"{final[0].recipe.optimiser.learning_rate:g}{why}; {listed(others)}."
    )


def headline(runs: Sequence[Sequence[TrainingResult]]) -> str:
    """The test accuracy of each run, in one sentence."""
    parts, first = [], runs[0][0]
    for results, name in zip(runs, names_of([results[0] for results in runs]), strict=True):
        mean = _mean(results)
        seeds = f", {len(results)} seeds" if len(results) > 1 else ""
        elsewhere = "" if same_images(results[0], first) else ", on other images"
        interval = f"{mean.low:.2%} to {mean.high:.2%}"
        parts.append(f"{name} {mean.share:.2%} ({interval}{seeds}{elsewhere})")
    reached = f"Test accuracy on {first.test.accuracy.n:,} images, trained from scratch: {'; '.join(parts)}"
    return ". ".join(filter(None, [reached, _of_normalisation(runs)]))


def _of_normalisation(runs: Sequence[Sequence[TrainingResult]]) -> str:
    """What batch normalisation alone changed, and what it did at a rate of its own; empty where nothing tells."""
    for plain_runs in (of for of in runs if of[0].recipe.network == "plain"):
        for normalised in (of for of in runs if _apart_in(plain_runs[0], of[0], _NETWORK)):
            if normalised[0].recipe.network != "batchnorm":
                continue
            mains = zip(runs, with_main_runs(runs), strict=True)
            at_others = [of for of, main in mains if main is normalised and of is not normalised]
            gains = [_gain(normalised, plain_runs), *(f"{_gain(of, plain_runs)} at another rate" for of in at_others)]
            return f"Batch normalisation, all else alike, {listed(gains)}"
    return ""


def _gain(runs: Sequence[TrainingResult], beside: Sequence[TrainingResult]) -> str:
    """``adds 2.2 points``, and whether that may be chance."""
    points = 100 * (_mean(runs).share - _mean(beside).share)
    if abs(points) < 0.05:
        return "makes no difference"
    chance = " (which may be chance)" if _may_be_chance(runs, beside) else ""
    return f"{'adds' if points > 0 else 'costs'} {abs(points):.1f} points{chance}"


def _may_be_chance(one: Sequence[TrainingResult], other: Sequence[TrainingResult]) -> bool:
    """Whether two runs' accuracies may differ by chance: of the images, answer by answer, or of the seeds."""
    paired = _paired(one, other)
    if paired is not None:
        return paired.p_value >= SIGNIFICANCE
    difference = Estimate.of_difference(_shares(one), _shares(other))
    if not math.isnan(difference.low):
        return difference.low <= 0 <= difference.high
    return not apart(_mean(one), _mean(other))


def _found(result: TrainingResult, before: Sequence[TrainingResult]) -> str:
    test = result.test.accuracy
    guessing = (
        f"; guessing would give {share(1 / len(result.data.labels))}" if _first_of_so_many(result, before) else ""
    )
    text = f"Test accuracy is {test.share:.2%} on {test.n:,} images ({_ends(test)}){guessing}."
    text = text if before else f"{text} {_TESTED_ONCE}"
    if result.test_tta is None:
        return text
    gain = 100 * (result.test_tta.accuracy.share - test.share)
    alike = (
        "; the three mirrored ones add nothing, as deep answers an image and its mirror image alike"
        if result.recipe.network == "deep"
        else ""
    )
    return (
        f"{text} With test-time augmentation, the mean over six variants of each image (shifted and mirrored), it is "
        f"{result.test_tta.accuracy.share:.2%} ({gain:+.2f} points); that is reported apart, since it costs six times "
        f"as much{alike}."
    )


def _ends(rate: Rate) -> str:
    return f"95% interval {rate.low:.2%} to {rate.high:.2%}"


_TESTED_ONCE = "Each run that is shown was tested once, after its last epoch."


def choices_on_test_images(result: TrainingResult) -> str:
    """What our own choice of ``deep`` owes to the test images of CIFAR-10; empty of other recipes and images."""
    own, of_cifar10 = read_recipe("deep"), {"airplane", "automobile", "frog"} <= set(result.data.labels)
    if not of_cifar10 or (result.recipe.network, result.recipe.optimiser) != (own.network, own.optimiser):
        return ""
    copies = "these" if is_copy(result) else "copies in JPEG of these"
    most = _OF_TEN * DEVIATION_OF_DEEP
    return (
        "This number is not quite free of choice: most choices were made on images held out of training, but earlier "
        f"versions of deep were tested on {copies} test images, and its learning rate was kept, and its second network "
        "added, after such tests. They were not counted; the best of ten equally good ones would be too high by "
        f"{100 * most:.1f} points on average."
    )


DEVIATION_OF_DEEP = 0.0025
"""Sample deviation of the test accuracy over the three seeds of results/cifar10/deep-copy."""
_OF_TEN = 1.54
"""Mean of the largest of ten draws from the standard normal distribution."""


_COPIES = {
    "17137e36004a8d47": "They are a copy in JPEG of quality 75 with halved chroma, so the accuracies are not those of "
    "the published images."
}
"""What must be said of the images with a fingerprint, where the data set does not say it itself."""


def is_copy(result: TrainingResult) -> bool:
    """Whether the images are known to be others than the published ones of that name."""
    return result.provenance.data in _COPIES


def note_on_images(result: TrainingResult) -> str:
    """What must be said of the images; empty where there is nothing."""
    return " ".join(filter(None, (result.data.note, _COPIES.get(result.provenance.data))))


def _first_of_so_many(result: TrainingResult, before: Sequence[TrainingResult]) -> bool:
    """Whether none ``before`` had as many classes, so that what guessing gives was not told."""
    return all(len(one.data.labels) != len(result.data.labels) for one in before)


def _course(result: TrainingResult, before: Sequence[TrainingResult]) -> str:
    """How the training loss went."""
    losses = [epoch.loss for epoch in result.history]
    first, last = losses[0], losses[-1]
    guessing = math.log(len(result.data.labels))
    if len(losses) == 1:
        return f"In its only epoch the training loss averages {first:.2f}, where guessing would give {guessing:.2f}."
    if last >= first:
        return f"The training loss does not fall: {first:.2f} in the first epoch, {last:.2f} in epoch {len(losses)}."
    halfway = next(number for number, loss in enumerate(losses, 1) if loss <= (first + last) / 2)
    told = f" (guessing: {guessing:.2f})" if _first_of_so_many(result, before) else ""
    return (
        f"The training loss falls from {first:.2f} in the first epoch to {last:.2f} in epoch {len(losses)}{told}, half "
        f"of the way within {counted(halfway, 'epoch')}."
    )


def _limit_of(
    result: TrainingResult,
) -> Literal["", "unknown", "adversarial", "overfitting", "not overfitting"]:
    """Whether generalisation is short, as far as the last epoch tells; empty without a mistake."""
    learned, tested = result.history[-1].accuracy, result.test.accuracy
    gap = learned - tested.share
    if tested.share == 1:
        return ""
    if len(result.history) < _FEWEST_EPOCHS:
        return "unknown"
    if result.recipe.adversarial.epsilon:
        return "adversarial"
    if learned > tested.high and (gap > _GAP or 1 - tested.share > _MANY_TIMES * (1 - learned)):
        return "overfitting"
    return "not overfitting"


def _last_fall(result: TrainingResult) -> float:
    """By which share of it the loss fell in the last epoch."""
    before, last = (epoch.loss for epoch in result.history[-2:])
    return (before - last) / before


def _what_limits(result: TrainingResult, before: Sequence[TrainingResult]) -> str:
    """What :func:`_limit_of` finds, with its numbers; of what was found of one ``before`` too only these."""
    limit, learned, tested = _limit_of(result), result.history[-1].accuracy, result.test.accuracy
    again = any(_limit_of(one) == limit for one in before)
    both = f"{learned:.1%} of the training images, as augmented, and {tested.share:.1%} of the test images"
    if limit == "unknown":
        return "After so few epochs nothing can be said of what limits it."
    if limit == "adversarial":
        return (
            f"In the last epoch it is right on {learned:.1%} of the training images as it learned from them, attacked, "
            f"and in the end on {tested.share:.1%} of the test images as they are: the two do not compare, so neither "
            "tells what limits it."
        )
    if limit == "overfitting":
        alone = "each of its networks alone is" if _members(result.recipe) > 1 else "it is"
        return (
            f"In the last epoch {alone} right on {learned:.1%} of the training images, which are augmented and so "
            f"harder, and in the end it is right on {tested.share:.1%} of the test images (95% interval up to "
            f"{tested.high:.1%}): at least "
            f"{rounded_down(100 * (learned - tested.high), 1):.1f} points of its error are overfitting."
        )
    if limit == "not overfitting" and again:
        return (
            f"It was right on {both}: overfitting is not its limit either. In the last epoch the loss "
            f"{_last_epoch(result)}."
        )
    if limit == "not overfitting":
        return (
            f"The network was right on {both}: what holds it back is not that it memorises, but that it does not yet "
            f"fit the images that it learns from. More epochs or a larger network are where to look, rather than more "
            f"images; in the last epoch, while the rate fell to zero, the loss {_last_epoch(result)}, and one run "
            "does not tell how much of that the rate made."
        )
    return ""


def _last_epoch(result: TrainingResult) -> str:
    """What the loss did in the last epoch: ``fell by 8%``."""
    fall = _last_fall(result)
    return f"fell by {share(fall)}" if fall > 0 else "did not fall"


def _mistakes(result: TrainingResult) -> str:
    labels = result.data.labels
    scores = [(rate, plain(label)) for rate, label in zip(result.test.per_class, labels, strict=True) if rate.n]
    best, worst = max(scores, key=lambda one: one[0].share), min(scores, key=lambda one: one[0].share)
    confused = most_confused(result.test, 2)
    if not confused:
        return "It makes no mistake on the test images, so they do not tell how it errs."
    first = confused[0]
    tied = len(confused) > 1 and confused[1].count == first.count
    commonest = "One of the commonest mistakes" if tied else "The commonest mistake"
    text = (
        f"{commonest}: {first.count} of {result.test.per_class[first.true].n:,} images of "
        f"{plain(labels[first.true])} are called {plain(labels[first.predicted])}."
        if first.count > 1
        else "No mistake is made twice."
    )
    if not apart(best[0], worst[0]):
        return (
            f"No class can be said to be harder than another: with so few test images their intervals overlap. {text}"
        )
    return (
        f"{sentence(worst[1])} is hardest ({share(worst[0].share)}), {best[1]} easiest ({share(best[0].share)}). {text}"
    )


_FEWEST_EPOCHS = 3
_GAP, _MANY_TIMES = 0.03, 1.5
"""What lies between training and test accuracy, or times the training images' error, from which on it is
overfitting."""


def discuss_filters(structure: FilterStructure, initialisation: Initialisation, side: int) -> list[str]:
    """What the first layer's filters look like, in sentences from what was measured on them.

    Args:
        structure: of the filters, after the last step.
        initialisation: how they began.
        side: shorter side of a filter, in weights.
    """
    if side < _TELLING_SIDE:
        return [
            f"Filters of {side} x {side} are too small to hold a shape: each weighs a pixel against its neighbours."
        ]
    kinds_of = (structure.oriented, structure.coloured_blobs, structure.noise)
    directed, blobs, noise = (int(of_kind.sum()) for of_kind in kinds_of)
    rest = len(structure) - directed - blobs - noise
    patches = _examples(structure.coloured_blobs, structure.smoothness)
    kinds = [
        f"{directed or 'none'} {_have(directed)} a direction (edges, bars, stripes{_clearly(structure)})",
        f"{blobs or 'none'} {'shows' if blobs == 1 else 'show'} colour and no direction{_in_brackets(patches)}",
        *([f"{noise} {_are(noise)} noise still"] if noise else []),
        *([f"{rest} {_have(rest)} neither"] if rest else []),
    ]
    sentences = [
        f"Of the {len(structure)} filters {listed(kinds)}.",
        *_directions(structure),
        *_colours(structure),
    ]
    if initialisation in _DRAWN:
        alike = float(structure.smoothness.mean())
        speckle = "the speckle of the start still shows" if alike < _SMOOTH else "little of the start's speckle is left"
        sentences += [
            "Every weight began as a draw of its own, so whatever makes neighbours alike was learned.",
            f"On average neighbours now correlate by {alike:.2f} (0 at the start, 1 for a smooth shape): {speckle}.",
        ]
    return sentences


_TELLING_SIDE = 5
"""Side of the filters from which on a shape can be told from noise."""
_SMOOTH = 0.6
_DRAWN: tuple[Initialisation, ...] = ("he", "xavier", "small")
_FEWEST_DIRECTED, _TILT, _CLEAR, _TELLING_CORRELATION = 8, 15, 0.5, 0.35


def _have(count: int) -> str:
    return "has" if count == 1 else "have"


def _are(count: int) -> str:
    return "is" if count == 1 else "are"


def _directions(structure: FilterStructure) -> list[str]:
    """How the filters that have a direction lie."""
    oriented = structure.oriented
    if not oriented.any():
        return []
    tilt = np.minimum(structure.angle, 180 - structure.angle)
    kinds = {
        "horizontal": oriented & (tilt <= _TILT),
        "vertical": oriented & (tilt >= 90 - _TILT),
        "oblique": oriented & (tilt > _TILT) & (tilt < 90 - _TILT),
    }
    told = [
        f"{int(of.sum())} {_are(int(of.sum()))} {name}{_in_brackets(_examples(of, structure.directed))}"
        for name, of in kinds.items()
        if of.any()
    ]
    return [
        f"Of those with a direction {listed(told)}: in parentheses row and column of the clearest, and oblique is more "
        f"than {_TILT} degrees off both.",
        f"A direction means that at least {share(ORIENTED)} of what varies in a filter makes stripes or edges within "
        f"{SECTOR:g} degrees of it, where an even spread would have 25%; a clear one, at least {share(_CLEAR)}.",
    ]


def _clearly(structure: FilterStructure) -> str:
    """How many of the filters with a direction have a clear one."""
    directed, clear = (int((structure.oriented & (structure.directed >= least)).sum()) for least in (ORIENTED, _CLEAR))
    if not directed:
        return ""
    return f"; {'all' if clear == directed else clear or 'none'} of them a clear one"


_EXAMPLES = 3


def _examples(kind: npt.NDArray[np.bool_], clarity: Floats) -> str:
    """The clearest filters of a kind by their row and column in the picture, from 1: ``2/8, 4/3``; empty for none."""
    clearest = sorted(np.flatnonzero(kind).tolist(), key=lambda number: -clarity[number])[:_EXAMPLES]
    return ", ".join(f"{number // COLUMNS + 1}/{number % COLUMNS + 1}" for number in sorted(clearest))


def _in_brackets(text: str) -> str:
    return f" ({text})" if text else ""


def _colours(structure: FilterStructure) -> list[str]:
    """Whether the colourful filters are the coarse ones."""
    colour, frequency = structure.colour.tolist(), structure.frequency.tolist()
    if len(colour) < _FEWEST_DIRECTED or len(set(colour)) == 1 or len(set(frequency)) == 1:
        return []
    correlation = float(pearsonr(colour, frequency).statistic)
    if correlation > -_TELLING_CORRELATION:
        return []
    return [
        f"The finer a filter, the less colour it tends to have (r = {signed(correlation, 2)} between its spatial "
        f"frequency and the share of colour, over these {len(colour)})."
    ]


def compare_filters(structure: FilterStructure, other: FilterStructure, others: str, cause: str) -> str:
    """How the filters of one network differ from those of another.

    Args:
        structure: of the one.
        other: of the other.
        others: what to call the other's filters.
        cause: the one setting in which the two trainings differ; empty where that is not so.
    """
    count, of = len(structure), len(other)
    directed, directed_before = int(structure.oriented.sum()), int(other.oriented.sum())
    parts = []
    if _tell_apart(structure.smoothness, other.smoothness):
        smooth, rough = (one.smoothness.mean() for one in (structure, other))
        parts.append(f"neighbouring weights correlate by {smooth:.2f} in place of {rough:.2f}")
    if apart(Rate.of_count(directed, count), Rate.of_count(directed_before, of)):
        parts.append(f"{directed} of {count} have a direction in place of {directed_before}")
    if _tell_apart(structure.frequency, other.frequency):
        fine, coarse = (one.frequency.mean() for one in (structure, other))
        parts.append(f"the mean spatial frequency is {fine:.2f} cycles a weight in place of {coarse:.2f}")
    if _tell_apart(structure.colour, other.colour):
        colour, before = (float(one.colour.mean()) for one in (structure, other))
        parts.append(f"colour is on average {share(colour)} of what varies in a filter in place of {share(before)}")
    if not parts:
        return f"By these measures they cannot be told from {others}."
    found = f"Beside {others} {listed(parts)}."
    noise, noise_before = int(structure.noise.sum()), int(other.noise.sum())
    if noise > noise_before and structure.smoothness.mean() > other.smoothness.mean():
        found += f" Not every one: {noise} {_are(noise)} noise still, of the others {noise_before or 'none'}."
    if not cause:
        return f"{found} The two trainings differ in more than one setting, so the difference may be any one's."
    return f"{found} That is of one training each, so chance may have made it in place of the {cause}."


def alike_but_for_networks(one: TrainingResult, other: TrainingResult) -> bool:
    """Whether two runs differ in their networks only."""
    return not _settings_apart(one, other)


def _tell_apart(some: Floats, others: Floats) -> bool:
    """Whether two means lie further apart than 1.96 of their joint standard error."""
    error = math.sqrt(some.var(ddof=1) / len(some) + others.var(ddof=1) / len(others))
    return bool(abs(some.mean() - others.mean()) > 1.96 * error)


def compare(runs: Sequence[Sequence[TrainingResult]], rates: str = "", names: Sequence[str] = ()) -> list[str]:
    """What ``plain``, ``batchnorm`` and ``deep`` on the same images show beside each other, and runs of one network.

    Args:
        runs: results of each run, which differ in their seeds; of several runs of one network the first counts, and the
            others are laid beside it; ``batchnorm`` at another rate than the first is laid beside ``plain``.
        rates: what names a figure of the two at each learning rate; empty where there is none.
        names: what to call each run; without, as :func:`snellen.training.results.names_of` does.
    """
    called = dict(zip(map(id, runs), names or names_of([results[0] for results in runs]), strict=True))
    at_other_rates = [results for results, main in zip(runs, with_main_runs(runs), strict=True) if main is not results]
    by_network: dict[str, Sequence[TrainingResult]] = {}
    again = []
    for results in runs:
        if any(results is other for other in at_other_rates):
            continue
        first = by_network.setdefault(results[0].recipe.network, results)
        if first is not results:
            again.append(_another_of_one_network(results, first))
    sentences: list[str] = []
    if "plain" in by_network and "batchnorm" in by_network:
        normalised, without = by_network["batchnorm"], by_network["plain"]
        sentences.append(f"The network {called[id(normalised)]} {_beside(normalised, without, called[id(without)])}.")
        sentences += _what_normalisation_changed(without, normalised, rates)
        sentences += [_at_another_rate(results, by_network["plain"]) for results in at_other_rates]
    if "deep" in by_network:
        others = [*at_other_rates, *(by_network[other] for other in ("batchnorm", "plain") if other in by_network)]
        named = [(results, called[id(results)]) for results in sorted(others, key=lambda one: -_mean(one).share)]
        sentences += _differences(by_network["deep"], called[id(by_network["deep"])], named)
    if "deep" in by_network and "plain" in by_network:
        sentences.append(_why_deeper(by_network["deep"][0], by_network["plain"][0]))
    if len({results[0].recipe.label_smoothing for results in by_network.values()}) > 1:
        floors = {
            f"{results[0].network_name} {smoothed_floor(results[0]):.2f}"
            for results in by_network.values()
            if results[0].recipe.label_smoothing
        }
        sentences.append(
            "Where targets are smoothed the training loss cannot fall below the entropy of the targets "
            f"({', '.join(sorted(floors))}), so the losses of such runs do not compare with the others'."
        )
    return sentences + again


def with_main_runs(runs: Sequence[Sequence[TrainingResult]]) -> list[Sequence[TrainingResult]]:
    """For each run the one that it is a further comparison to; itself where it is none.

    That is ``batchnorm`` at another learning rate: on the same images, and of one recipe but for the rate, as the first
    ``batchnorm`` whose recipe differs from that of a ``plain`` in the network alone.
    """
    plain_runs = [results[0] for results in runs if results[0].recipe.network == "plain"]
    normalised = [results for results in runs if results[0].recipe.network == "batchnorm"]
    main = next((one for one in normalised if any(_apart_in(one[0], other, _NETWORK) for other in plain_runs)), None)
    if main is None:
        return list(runs)
    return [main if _apart_in(results[0], main[0], _RATE) else results for results in runs]


_NETWORK, _RATE = ("network",), ("optimiser", "learning_rate")


def _apart_in(one: TrainingResult, other: TrainingResult, key: tuple[str, ...]) -> bool:
    """Whether two runs are on the same images, and of recipes that differ in ``key`` alone."""
    apart_in = [path for path, _, _ in differences(to_plain(one.recipe), to_plain(other.recipe))]
    return same_images(one, other) and apart_in == [key]


def _at_another_rate(results: Sequence[TrainingResult], plain_runs: Sequence[TrainingResult]) -> str:
    """What the normalised network reaches at a learning rate that is not that of the plain one, and beside that."""
    first, mean, tried = results[0], _mean(results), SEARCHED["batchnorm"]
    rate, plain_rate = (run.recipe.optimiser.learning_rate for run in (first, plain_runs[0]))
    at = f"another rate ({rate:g})"
    if _is_best_tried(first.recipe):
        higher = "; the best may lie higher" if rate == max(tried) else ""
        at = f"the best of the {word(len(tried))} rates tried ({rate:g}{higher})"
        at += f", as plain is at the best of its own ({plain_rate:g})," if _is_best_tried(plain_runs[0].recipe) else ""
    beside = _beside(results, plain_runs, "plain")
    if beside.endswith(_OF_ONE_TRAINING):
        beside = f"{beside.removesuffix(_OF_ONE_TRAINING)}; this is of one training each again"
    return (
        f"At {at} the network with batch normalisation reaches {mean.share:.2%} on the test images ({_ends(mean)}). It "
        f"{beside}. Its training loss ends at "
        f"{_losses(results)[-1]:.2f}, that of plain at {_losses(plain_runs)[-1]:.2f}."
    )


def _what_normalisation_changed(
    plain_runs: Sequence[TrainingResult], normalised_runs: Sequence[TrainingResult], rates: str
) -> list[str]:
    """What the losses show, of several seeds their means."""
    losses, plain_losses = _losses(normalised_runs), _losses(plain_runs)
    plain_run, normalised = plain_runs[0], normalised_runs[0]
    first = _changed(plain_losses[0], losses[0])
    reached = next((number for number, loss in enumerate(losses, start=1) if loss <= plain_losses[-1]), None)
    sooner = reached is not None and reached <= _SOONER * len(plain_losses)
    if reached and sooner and _changed(plain_losses[reached - 1], losses[reached - 1]):
        found = (
            f"Batch normalisation speeds up the learning: after {counted(reached, 'epoch')} its loss is where the "
            f"network without it ends after {word(len(plain_losses))} ({plain_losses[-1]:.2f})."
        )
    elif plain_losses[-1] > losses[-1] and _changed(plain_losses[-1], losses[-1]):
        found = (
            f"With batch normalisation the training loss ends lower, at {losses[-1]:.2f} in place of "
            f"{plain_losses[-1]:.2f}."
        )
    elif _changed(plain_losses[-1], losses[-1]):
        found = (
            f"Batch normalisation does not help here: the training loss ends at {losses[-1]:.2f} with it and at "
            f"{plain_losses[-1]:.2f} without."
        )
    else:
        with_it, without = f"{losses[-1]:.2f}", f"{plain_losses[-1]:.2f}"
        ends = (
            f"at {with_it} with and without batch normalisation"
            if with_it == without
            else f"nearly alike, at {with_it} with batch normalisation and at {without} without"
        )
        found = f"The training loss ends {ends}."
    start = (
        f"In the first epoch the loss is {losses[0]:.2f} with it and {plain_losses[0]:.2f} without."
        if first
        else f"The first epoch is alike ({losses[0]:.2f} and {plain_losses[0]:.2f})."
    )
    at_each = at_each_rate(plain_run.recipe, normalised.recipe, figure=rates)
    lower = plain_losses[-1] > losses[-1] and _changed(plain_losses[-1], losses[-1])
    why = f" {_WHY_LARGER_STEPS}" if lower and not at_each and alike_but_for_networks(plain_run, normalised) else ""
    if not _changed(plain_losses[-1], losses[-1]) and not sooner and _starts_well(plain_run.recipe):
        why = (
            " That so little of a difference is left at this rate may be because there is little to repair: He "
            "initialisation is made for a signal that keeps its size through layers of ReLU, of which there are only "
            "three here, and the rate rises slowly. That was not measured."
        )
    several = len(plain_runs) > 1 and len(normalised_runs) > 1
    means = " These are means over the seeds." if several else ""
    shown = f"{found} {start}{_crossings(losses, plain_losses)}{means} {_what_else_differs(plain_run, normalised)}{why}"
    return [shown, *([f"{at_each} {_WHY_LARGER_STEPS}"] if at_each else [])]


_WHY_LARGER_STEPS = (
    "The usual explanation, not measured here: what a normalised layer passes on does not change with the size of its "
    "weights, and their gradient shrinks as they grow, so a step that is too long makes the next ones shorter, where "
    "without normalisation it would make the activations, and with them the next gradients, larger."
)


def _losses(results: Sequence[TrainingResult]) -> list[float]:
    """The training loss of each epoch, the mean over seeds; of the epochs that all have."""
    histories = ([epoch.loss for epoch in result.history] for result in results)
    return [statistics.mean(losses) for losses in zip(*histories, strict=False)]


def _crossings(losses: Sequence[float], others: Sequence[float]) -> str:
    """In which epochs the loss with batch normalisation is the lower one; of what both trained for, and no ties."""
    lower = [ours < theirs for ours, theirs in zip(losses, others, strict=False) if ours != theirs]
    epochs = min(len(losses), len(others))
    if epochs < _FEWEST_EPOCHS or len(lower) < epochs:
        return ""
    if len(set(lower)) == 1:
        return f" The curves do not cross: with it the loss is {'lower' if lower[0] else 'higher'} in every epoch."
    crossings = [epoch for epoch, (before, now) in enumerate(itertools.pairwise(lower), 2) if before != now]
    if len(crossings) == 1:
        first, then = ("lower", "higher") if lower[0] else ("higher", "lower")
        return (
            f" The curves cross once: with it the loss is {first} up to epoch {crossings[0] - 1} and {then} from epoch "
            f"{crossings[0]} on."
        )
    return (
        f" The curves cross {word(len(crossings))} times: with it the loss is lower in {word(sum(lower))} of "
        f"{counted(epochs, 'epoch')}."
    )


def at_each_rate(*recipes: Recipe, figure: str = "") -> str:
    """What ``plain`` and ``batchnorm`` reach at each of the rates that were tried; empty of other recipes.

    Args:
        recipes: of the one, then of the other.
        figure: what names a figure of it; empty where there is none.
    """
    if [recipe.network for recipe in recipes] != ["plain", "batchnorm"] or not all(map(_searched, recipes)):
        return ""
    return FOUND.format(f" ({figure})" if figure else "")


def _searched(recipe: Recipe) -> bool:
    """Whether this is our own recipe with a rate that was among those tried."""
    tried = SEARCHED.get(recipe.network, {})
    return recipe.optimiser.learning_rate in tried and recipe.optimiser == read_recipe(recipe.network).optimiser


def _is_best_tried(recipe: Recipe) -> bool:
    """Whether this is our own recipe but for a rate, and that the best of those tried."""
    tried = SEARCHED.get(recipe.network)
    if tried is None:
        return False
    own, rate = read_recipe(recipe.network).optimiser, recipe.optimiser.learning_rate
    return rate == max(tried, key=tried.__getitem__) and recipe.optimiser == dataclasses.replace(
        own, learning_rate=rate
    )


def _starts_well(recipe: Recipe) -> bool:
    """Whether the weights' size and the first steps are taken care of without normalisation."""
    return recipe.initialisation == "he" and recipe.schedule.warmup > 0


_SOONER, _LEAST_CHANGE = 0.75, 0.05


def _changed(one: float, other: float) -> bool:
    """Whether two losses differ by more than a twentieth: less, another seed might make."""
    return abs(one - other) > _LEAST_CHANGE * max(one, other)


def _what_else_differs(one: TrainingResult, other: TrainingResult) -> str:
    """Whether two runs can be compared, apart from their networks."""
    settings = _settings_apart(one, other)
    if not settings and one.first_weights and one.first_weights == other.first_weights:
        return (
            "Both runs share every setting, the order of the images and the first weights, so what differs is the "
            "normalisation, and chance."
        )
    if not settings:
        return (
            "Both runs share every setting and the order of the images; the first weights are drawn anew for each, so "
            "what differs is the normalisation, and chance."
        )
    return f"The runs also differ in {settings}, so neither number is the normalisation's alone."


def _settings_apart(one: TrainingResult, other: TrainingResult) -> str:
    """The settings in which two runs differ, and both values of each; not the networks' names."""
    return ", ".join(
        "images" if path == ("data",) else f"{_setting(path)} ({here} and {there})"
        for path, here, there in _apart(one, other)
        if path != _NETWORK
    )


def cause_of_difference(one: TrainingResult, other: TrainingResult) -> str:
    """The one setting in which two runs differ, in words; empty where it is none or several."""
    differing = [path for path, _, _ in _apart(one, other)]
    if len(differing) != 1:
        return ""
    if differing == [_NETWORK]:
        return "normalisation" if {one.recipe.network, other.recipe.network} == set(_OF_THREE_CONVOLUTIONS) else ""
    return _setting(differing[0])


def _apart(one: TrainingResult, other: TrainingResult) -> list[tuple[tuple[str, ...], Any, Any]]:
    """The keys of the settings in which two runs differ, and both values of each."""
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
    return list(differences(*settings))


def _setting(path: Sequence[str]) -> str:
    """What a person calls the setting that keys lead to: ``learning rate`` of ``optimiser``, ``learning_rate``."""
    return [key for key in path if key != "name"][-1].replace("_", " ")


def _another_of_one_network(other: Sequence[TrainingResult], first: Sequence[TrainingResult]) -> str:
    different = _settings_apart(first[0], other[0])
    seeds = f"number of seeds ({len(first)} and {len(other)})" if len(first) != len(other) else ""
    differs = ", ".join(part for part in (different, seeds) if part)
    settings = f"which differs in {differs}" if differs else "alike in every setting"
    return f"Another run of {first[0].network_name}, {settings}, {_beside(other, first, 'the first')}."


def _differences(
    better: Sequence[TrainingResult], name: str, others: Sequence[tuple[Sequence[TrainingResult], str]]
) -> list[str]:
    """How far one network is from several, each with its name: in one sentence where it is clearly above all."""
    if len(others) < 2 or not all(_clearly_above(better, other) for other, _ in others):
        return [f"The network {name} {_beside(better, other, other_name)}." for other, other_name in others]
    leads = [
        f"{100 * (_mean(better).share - _mean(other).share):.1f} points above {other_name}"
        for other, other_name in others
    ]
    return [f"The network {name} is {listed(leads)} on the test images; their 95% intervals do not overlap."]


def _clearly_above(one: Sequence[TrainingResult], other: Sequence[TrainingResult]) -> bool:
    """Whether neither the choice of test images nor that of the seeds, where these are known, may tell the lead."""
    over_seeds = Estimate.of_difference(_shares(one), _shares(other)).low
    return same_images(one[0], other[0]) and _mean(one).low > _mean(other).high and not over_seeds <= 0


def _shares(results: Sequence[TrainingResult]) -> list[float]:
    return [result.test.accuracy.share for result in results]


def _beside(one: Sequence[TrainingResult], other: Sequence[TrainingResult], name: str) -> str:
    """A clause on the accuracy of ``one`` beside that of ``other``, which is called ``name``."""
    if not same_images(one[0], other[0]):
        return f"was tested on other images than {name}, so their accuracies do not compare"
    here, there = (_mean(results) for results in (one, other))
    points = f"{abs(here.share - there.share) * 100:.1f}"
    above = "above" if here.share > there.share else "below"
    lies = f"is {points} points {above}" if float(points) else "is, to a tenth of a point, as good as"
    paired = _paired(one, other)
    if paired is not None:
        verdict = (
            "two equally good networks would rarely differ by so much"
            if paired.p_value < SIGNIFICANCE
            else "this may be chance"
        )
        return (
            f"{lies} {name} on the test images: {paired.only_first:,} of the {here.n:,} it alone gets right, "
            f"{paired.only_second:,} {name} alone; {verdict} (exact McNemar test, {p_value(paired.p_value)})"
            f"{_OF_ONE_TRAINING}"
        )
    if float(points) == 0:
        return f"{lies} {name} on the test images"
    if min(len(one), len(other)) > 1:
        return f"{lies} {name} on the test images{_over_seeds(one, other)}"
    verdict = "do not overlap" if apart(here, there) else "overlap, so this may be chance"
    return f"{lies} {name} on the test images; their 95% intervals {verdict}"


def _over_seeds(one: Sequence[TrainingResult], other: Sequence[TrainingResult]) -> str:
    """What the seeds tell of the difference between two runs' means."""
    counts = f"{word(len(one))} seeds each" if len(one) == len(other) else f"{len(one)} and {len(other)} seeds"
    difference = Estimate.of_difference(_shares(one), _shares(other))
    if math.isnan(difference.low):
        return f", in the mean of {counts}"
    verdict = "; this may be chance" if difference.low <= 0 <= difference.high else ""
    return (
        f", in the mean of {counts} (95% interval of the difference over seeds: {100 * difference.low:+.1f} to "
        f"{100 * difference.high:+.1f} points){verdict}"
    )


_OF_ONE_TRAINING = ". That is of one training each, which does not tell how far off another seed would be"


def _paired(one: Sequence[TrainingResult], other: Sequence[TrainingResult]) -> Paired | None:
    """Both networks' answers to each test image beside each other; None of several seeds, or where they are unknown."""
    if len(one) > 1 or len(other) > 1:
        return None
    right = []
    for result in (one[0], other[0]):
        if result.test.mistakes is None:
            return None
        answers = np.ones(result.test.accuracy.n, dtype=bool)
        answers[list(result.test.mistakes)] = False
        right.append(answers)
    return Paired.of(*right)


def _mean(results: Sequence[TrainingResult]) -> Rate:
    """The mean test accuracy over seeds, with the interval of one network that has it."""
    return rate_at(statistics.mean(_shares(results)), results[0].test.accuracy.n)


def _why_deeper(deep: TrainingResult, plain_run: TrainingResult) -> str:
    members = _members(deep.recipe)
    together = (
        f" {sentence(word(members))} such networks, independently trained, may err differently; their logits are "
        "averaged."
        if members > 1
        else ""
    )
    firsts = [
        f"{shape[0]} filters of {shape[2]} x {shape[3]}" if (shape := result.first_layer) else "no convolution"
        for result in (deep, plain_run)
    ]
    return (
        f"What is different in deep: it starts with {firsts[0]} where plain has {firsts[1]}, and spends its "
        f"{deep.parameters / 1e6:.1f} million parameters (plain: {plain_run.parameters / 1e6:.1f}) on wide 3 x 3 "
        f"layers, half of whose filters mirror the other half.{together}"
    )


def discuss_ablations(table: str = "") -> str:
    """Which of the choices of ``deep`` bought what, as it was measured once on images held out.

    Args:
        table: what names a table of them; empty where there is none.
    """
    noise = _chance(HELD_OUT_IMAGES)
    worth = sorted(((BASE - one.accuracy, one.undone) for one in ABLATIONS), reverse=True)
    bought = [f"{undone} costs {100 * cost:.1f} points" for cost, undone in worth if cost > noise]
    better = [f"{undone} ({-100 * cost:.1f} points)" for cost, undone in reversed(worth) if cost < -noise]
    two = "better than" if noise < TWO_NARROW - BASE else "no better than"
    return (
        f"Which choice bought what{f' ({table})' if table else ''} was measured on {HELD_OUT_IMAGES:,} images held out "
        "of training (of a copy of CIFAR-10 in JPEG), with one narrower network of 48, 256 and 256 filters, 4 epochs "
        "and one seed "
        f"({BASE:.1%}); the recipe's two networks reach {WHOLE:.1%} in as many epochs. "
        f"With one choice undone: {'; '.join(bought)}. In so short a run undoing some gains: {listed(better)}. Both "
        "are kept because they are meant for a longer one, where memorising and time count; that they pay there was "
        "not measured one by one. The other "
        f"{word(len(worth) - len(bought) - len(better))} choices make a difference below {100 * noise:.1f} points, "
        f"which may be chance (two shares of {HELD_OUT_IMAGES:,} images lie further apart in 5% of cases); among "
        f"{len(worth) + 1} comparisons one beyond it may be, too. Two narrower networks of together as many "
        f"parameters reach {TWO_NARROW:.1%}: they are {two} the one. After 12 to 16 epochs it is otherwise: four "
        f"single networks of this kind are right on {ALONE[0]:.1%} to {ALONE[1]:.1%} of the same held-out images, the "
        f"mean of any two on {TOGETHER[0]:.1%} to {TOGETHER[1]:.1%}, so a point or so of deep's lead is the second "
        "network's."
    )


def _chance(images: int) -> float:
    """By how much two accuracies near :data:`BASE` may differ by the choice of ``images`` images alone (95%)."""
    return 1.96 * math.sqrt(2 * BASE * (1 - BASE) / images)


def table(runs: Sequence[Sequence[TrainingResult]]) -> tuple[list[str], list[list[str]]]:
    """The columns and rows of a table with a row for each run, whose results differ in their seeds.

    Of several seeds the accuracy is their mean, ± their sample deviation; the interval is that of the test images.
    """
    columns = ["network", "parameters", "epochs", "test accuracy", "95% interval", "seeds", "minutes a seed"]
    rows = []
    for results, name in zip(runs, names_of([results[0] for results in runs]), strict=True):
        first = results[0]
        shares = [result.test.accuracy.share for result in results]
        deviation = f" ± {statistics.stdev(shares) * 100:.2f}" if len(shares) > 1 else ""
        rate = _mean(results)
        rows.append(
            [
                f"{name}{'' if same_images(first, runs[0][0]) else ', other images'}",
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
    for result, name in zip(results, names_of(results), strict=True):
        several = f", {result.processes} processes" if result.processes > 1 else ""
        machine = f"{result.provenance.hardware}, products in {result.precision}{several}"
        names = trained.setdefault(machine, [])
        called = name if same_images(result, results[0]) else f"{name} (other images)"
        if called not in names:
            names.append(called)
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
