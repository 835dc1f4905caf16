"""One file that fools several networks: momentum and input diversity, on the mean of their objectives.

What an attack on one network finds is often peculiar to it. Three things carry it over to others: the mean over several
networks, momentum (MI-FGSM, Dong et al., CVPR 2018, arXiv 1710.06081), and input diversity (DI-FGSM, Xie et al., CVPR
2019, arXiv 1803.06978): each gradient is taken of a photograph that was shrunk a little and laid into its frame.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812  # PyTorch's own name for it
from torch import Tensor

from snellen.attacks.batch import round_to_bytes
from snellen.attacks.config import AttackConfig, epsilon_steps
from snellen.attacks.eot import momentum_iterative
from snellen.attacks.fused import fastest_precision
from snellen.attacks.gradients import FusedGradients
from snellen.attacks.result import AttackResult, Save, measure
from snellen.attacks.search import Ball, Criterion
from snellen.attacks.state import AttackExample, PhotographState
from snellen.data.images import pixels_from_bytes
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.models.predictions import probabilities_of

ENSEMBLE_STEPS = 60
_DIVERSE_SHARE, _SMALLEST = 0.7, 0.85


@dataclass(frozen=True, eq=False)
class _Member:
    """One network, its faster copy, and what counts as success in its own classes."""

    classifier: Classifier
    fused: Classifier
    criterion: Criterion


def check_ensemble(config: AttackConfig) -> None:
    """Refuse what an attack on several networks cannot do.

    Raises:
        InputError: the smallest epsilon, a robust attack, the assignment's rule, or a network's own input.
    """
    odd = config.robust or config.method != "apgd" or config.space != "image" or epsilon_steps(config.epsilon) is None
    if odd:
        raise InputError(
            "an attack on an `ensemble` has its own method and moves the photograph's own pixels",
            "a number as `epsilon`, and neither `robust` nor `method` nor `space`",
        )


def ensemble_steps(
    classifiers: Sequence[Classifier], examples: Iterable[AttackExample], config: AttackConfig, save: Save
) -> Iterator[tuple[AttackExample, int | AttackResult | InputError]]:
    """Attack photographs so that one file fools several networks; whoever stops asking stops the attack.

    The results are what the first network sees; ``carry_over`` shows the files to others. A class is found in each
    network by its name; a network that has no such class takes no part. Where nobody said what a photograph shows, it
    shows to each network what that network sees.

    Args:
        classifiers: networks to fool, the first of which measures.
        examples: photographs.
        config: how; its steps are gradients of all networks.
        save: keeps the attacked file.

    Returns:
        As :func:`snellen.attacks.attack.attack_steps`.

    Raises:
        InputError: see :func:`check_ensemble`.
    """
    check_ensemble(config)
    engines = [FusedGradients(one, fastest_precision(one.device)) for one in classifiers]
    for example in examples:
        try:
            state = PhotographState(classifiers[0], engines[0], example, config)
        except InputError as error:
            yield example, error
            continue
        members = [
            _Member(one, engine.fused, criterion)
            for one, engine in zip(classifiers, engines, strict=True)
            if (criterion := _translated(state, one)) is not None
        ]
        steps = config.steps or ENSEMBLE_STEPS
        generator = torch.Generator().manual_seed(state.seed)
        search = momentum_iterative(Ball(pixels_from_bytes(state.original), state.epsilon.steps / 255), steps)
        point = next(search)
        for taken in range(1, steps + 1):
            try:
                point = search.send(_ascend(members, point, generator))
            except StopIteration as end:
                point = end.value
            yield example, taken
        state.gradients = steps * len(members)
        state.attacked = round_to_bytes(point).mul(255).round().byte()[0].permute(1, 2, 0).numpy()
        yield example, measure(state, save)


def _translated(state: PhotographState, other: Classifier) -> Criterion | None:
    """The criterion in another network's classes; None where it has no such class."""
    own, criterion = state.classifier, state.criterion
    try:
        target = None if criterion.target is None else other.labels.find(own.labels[criterion.target])
        if state.example.label is None:
            return Criterion(int(probabilities_of(other, state.example.photo.image).argmax()), target)
        return Criterion(other.labels.find(own.labels[criterion.label]), target)
    except InputError:
        return None


def _ascend(members: Sequence[_Member], point: Tensor, generator: torch.Generator) -> tuple[float, Tensor]:
    """The mean objective at the bytes nearest to a point, and its gradient there."""
    rounded = round_to_bytes(point).requires_grad_()
    total = torch.zeros(())
    for member in members:
        inputs = member.classifier.preprocessing.preprocess(_diverse(rounded, generator))
        logged = member.fused.logits_from_inputs(inputs).log_softmax(dim=1)[0].cpu()
        criterion = member.criterion
        value = -logged[criterion.label] if criterion.target is None else logged[criterion.target]
        total = total + value / len(members)
    (gradient,) = torch.autograd.grad(total, rounded)
    # Momentum divides by its mean.
    return total.item(), gradient if gradient.abs().sum() > 0 else torch.full_like(gradient, 1e-12)


def _diverse(pixels: Tensor, generator: torch.Generator) -> Tensor:
    """Most times the photograph a little smaller, somewhere in a black frame of its size; else as it is."""
    draw = torch.rand(4, generator=generator).tolist()
    if draw[0] >= _DIVERSE_SHARE:
        return pixels
    height, width = pixels.shape[2:]
    share = _SMALLEST + (1 - _SMALLEST) * draw[1]
    rows, columns = max(1, round(height * share)), max(1, round(width * share))
    smaller = F.interpolate(pixels, size=(rows, columns), mode="bilinear", align_corners=False)
    top, left = round((height - rows) * draw[2]), round((width - columns) * draw[3])
    return F.pad(smaller, (left, width - columns - left, top, height - rows - top)).clamp(0, 1)
