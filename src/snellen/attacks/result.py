"""What is said of an attacked photograph: measured from its file, and why where it failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from PIL import Image

from snellen.attacks.eot import HeldOut, held_out_draws
from snellen.attacks.search import Criterion
from snellen.attacks.state import AttackExample, PhotographState
from snellen.attacks.verify import Bytes, Verdict, judge, prediction, probabilities, uniform_noise, verify
from snellen.data.images import Source, to_pixels
from snellen.data.transforms import find_transform
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction


@dataclass(frozen=True)
class AttackResult:
    """One attacked photograph. All that is said of it was measured from its 8-bit file.

    Attributes:
        image: the photograph's name.
        label: the class that it shows, with its probability on the original.
        label_given: whether somebody said so; else it is what the classifier answers.
        target: the class to be seen, with its probability on the original; None where untargeted.
        original: the most probable class on the original.
        epsilon: the bound, in steps of 1/255.
        attacked: what is seen in the attacked file.
        norm: the infinity norm of what was added, in steps of 1/255.
        control: what is seen after uniform noise of the same bound.
        preprocessed_again: in the space ``input``, the most probable class when the attacked file, which is of the
            network's input size, is resized and cropped once more as any photograph is; else None.
        held_out: of a robust attack, how it and the plain one fare on draws neither has seen.
        gradients: how many were taken.
        reason: why the goal was not met; None where it was.
        file: the attacked file; empty where none was kept.
    """

    image: str
    label: Prediction
    label_given: bool
    target: Prediction | None
    original: Prediction
    epsilon: int
    attacked: Verdict
    norm: int
    control: Verdict
    preprocessed_again: Prediction | None
    held_out: tuple[HeldOut, ...]
    gradients: int
    reason: str | None
    file: str

    @property
    def correct(self) -> bool:
        """Whether the original was classified as its label."""
        return self.original.index == self.label.index


Save = Callable[[Image.Image, AttackExample], Source]
"""Keeps an attacked image as a lossless file, and says where it can be read back."""


def report(case: PhotographState, save: Save) -> tuple[Image.Image, AttackResult]:
    """Write the file, read it back, and say what is in it."""
    classifier, goal, space, epsilon = case.classifier, case.goal, case.plan.space, case.epsilons.trying
    image = Image.fromarray(case.attacked)
    file = save(image, case.subject)
    verdict, distance = verify(classifier, file, case.original, goal, space)
    once_more = None
    if space == "input":
        values = probabilities(classifier, image, "image")
        once_more = prediction(classifier, values, int(values.argmax()))
    return image, AttackResult(
        image=case.subject.name,
        label=prediction(classifier, case.before, goal.label),
        label_given=case.subject.label is not None,
        target=None if goal.target is None else prediction(classifier, case.before, goal.target),
        original=prediction(classifier, case.before, int(case.before.argmax())),
        epsilon=epsilon,
        attacked=verdict,
        norm=distance,
        control=judge(classifier, uniform_noise(case.original, epsilon, case.seed), goal, space),
        preprocessed_again=once_more,
        held_out=_score(case) if case.plain is not None else (),
        gradients=case.gradients,
        reason=None if verdict.hit else _reason(case, verdict, distance),
        file="" if isinstance(file, bytes) else str(file),
    )


def _reason(case: PhotographState, verdict: Verdict, distance: int) -> str:
    if case.epsilons.trying == 0:
        return "an epsilon of less than 1/255 leaves an 8-bit file as it is"
    if case.failure_reason is not None:
        return case.failure_reason
    goal = case.goal.confidence(case.before[None]).item()
    if distance == 0:
        return (
            f"stalled: the goal's probability is {goal:.1e}, and its gradient so small that {case.gradients} steps "
            "moved no value by half of 1/255; a larger step size, or the adaptive method, helps"
        )
    reached = case.goal.confidence(
        probabilities(case.classifier, Image.fromarray(case.attacked), case.plan.space)[None]
    )
    if case.plan.method == "ascent" and distance < case.epsilons.trying:
        return (
            f"stalled: {case.gradients} steps used {distance} of {case.epsilons.trying} allowed steps of 1/255 and "
            f"took the goal's probability from {goal:.1e} to {reached.item():.1e}"
        )
    return (
        f"budget too small: {case.gradients} gradients within {case.epsilons.trying}/255 took the goal's probability "
        f"from {goal:.1e} to {reached.item():.1e}, below that of {verdict.top.label}"
    )


def _score(case: PhotographState) -> tuple[HeldOut, ...]:
    """The robust and the plain attack on draws that neither has seen."""
    assert case.plain is not None  # a robust case climbs the plain way first
    hits = [held_out_hits(case.classifier, image, case.goal, case.plan.seed) for image in (case.attacked, case.plain)]
    return tuple(
        HeldOut(name, sum(robust), sum(plain), len(robust))
        for (name, robust), plain in zip(hits[0].items(), hits[1].values(), strict=True)
    )


def held_out_hits(classifier: Classifier, attacked: Bytes, goal: Criterion, seed: int) -> dict[str, list[bool]]:
    """Whether the goal is met under each of :func:`held_out_draws`, by the manipulation's name."""
    pixels = to_pixels(Image.fromarray(attacked))
    hits: dict[str, list[bool]] = {}
    for name, strength, number in held_out_draws(seed):
        turned = find_transform(name)(pixels, strength, torch.Generator().manual_seed(number))
        with torch.no_grad():
            met = goal.met(classifier.logits(turned))
        hits.setdefault(name, []).append(bool(met[0]))
    return hits
