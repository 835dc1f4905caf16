"""The stress test: every manipulation at every strength, and what the classifier answers then.

The assignment's problem 4, part 2, asks for four of them; see :data:`snellen.data.transforms.ASSIGNMENT`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from snellen.data.preprocessing import check_pixels
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.robustness.spectrum import high_frequency_energy

_BATCH = 16


@dataclass(frozen=True)
class Answer:
    """What is seen in a photograph under one manipulation.

    Attributes:
        manipulation: its name; empty for the photograph as it is.
        strength: in the manipulation's unit.
        top: the most probable class.
        label: the probability of the class that the photograph shows.
        target: of the class that an attack made of it; None where there was no attack.
        margin: of what is seen in the photograph as it is: its probability less the best other one's.
        high_frequency_kept: the energy of the attack's noise at high frequencies, as the network sees it, over what it is
            without manipulation; None where the original is not known.
    """

    manipulation: str
    strength: float
    top: Prediction
    label: float
    target: float | None
    margin: float
    high_frequency_kept: float | None


@dataclass(frozen=True)
class StressResult:
    """One photograph's answers.

    Attributes:
        image: its name.
        attacked: whether it came with an original that it was made from.
        label: the class that it shows, by index: as given, or what is seen in the original or, where there is none,
            in the photograph itself.
        before: the answer to the photograph as it is.
        answers: one for each manipulation and strength.
    """

    image: str
    attacked: bool
    label: int
    before: Answer
    answers: tuple[Answer, ...]

    def answer(self, manipulation: str, strength: float) -> Answer:
        """The answer under one manipulation."""
        return next(a for a in self.answers if (a.manipulation, a.strength) == (manipulation, strength))

    def keeps(self, answer: Answer) -> bool:
        """Whether the answer is the label still, or the attack's class where the photograph was attacked."""
        return answer.top.index == (self.before.top.index if self.attacked else self.label)


Trial = tuple[str, float]


def all_transforms() -> tuple[Trial, ...]:
    """Every manipulation at every strength of its ladder; the assignment's four are among them."""
    return tuple((t.name, strength) for t in TRANSFORMS.values() for strength in t.ladder)


def assignment_transforms() -> tuple[Trial, ...]:
    """The four that the assignment asks for."""
    return tuple(ASSIGNMENT.items())


def stress(
    classifier: Classifier,
    pixels: Tensor,
    original: Tensor | None = None,
    *,
    label: str | int | None = None,
    trials: Sequence[Trial] | None = None,
    name: str = "pixels",
) -> StressResult:
    """Manipulate one photograph in many ways and classify each result.

    Args:
        classifier: the one under examination.
        pixels: (1, 3, H, W) in [0, 1]; manipulated at its own size, before the classifier's preprocessing.
        original: of the same size, where ``pixels`` is an attacked photograph: what it was made from.
        label: the class that the photograph shows; see :class:`StressResult`.
        trials: manipulations with their strengths; None takes :func:`all_transforms`.
        name: what results call the photograph.

    Raises:
        InputError: pixels or an original of another kind or size.
    """
    return stress_pair(classifier, pixels, original, label=label, trials=trials, name=name)[0]


def stress_pair(
    classifier: Classifier,
    pixels: Tensor,
    original: Tensor | None,
    *,
    label: str | int | None = None,
    trials: Sequence[Trial] | None = None,
    name: str = "pixels",
    original_name: str = "original",
) -> tuple[StressResult, StressResult | None]:
    """As :func:`stress`, and the same of the original, for which nothing has to be done twice."""
    steps = stress_steps(
        classifier, pixels, original, label=label, trials=trials, name=name, original_name=original_name
    )
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]


Pair = tuple[StressResult, StressResult | None]


def stress_steps(
    classifier: Classifier,
    pixels: Tensor,
    original: Tensor | None = None,
    *,
    label: str | int | None = None,
    trials: Sequence[Trial] | None = None,
    name: str = "pixels",
    original_name: str = "original",
) -> Generator[Trial, None, Pair]:
    """As :func:`stress_pair`, with every manipulation on the way; whoever stops asking stops the test."""
    check_pixels(pixels, "stress")
    if len(pixels) != 1 or (original is not None and original.shape != pixels.shape):
        seen = None if original is None else tuple(original.shape)
        raise InputError(f"{name}: pixels {tuple(pixels.shape)}, original {seen}", "one photograph, of one size")
    chosen = (("", 0.0), *(all_transforms() if trials is None else trials))
    shown = None if label is None else classifier.labels.find(label)
    views = yield from _views(classifier, pixels, chosen)
    if original is None:
        return _stressed(classifier, name, chosen, views, shown, None), None
    clean_views = yield from _views(classifier, original, chosen)
    clean = _stressed(classifier, original_name, chosen, clean_views, shown, None)
    return _stressed(classifier, name, chosen, views, clean.label, clean_views), clean


def _stressed(
    classifier: Classifier,
    name: str,
    trials: Sequence[Trial],
    views: Tensor,
    label: int | None,
    clean_views: Tensor | None,
) -> StressResult:
    probabilities = _probabilities(classifier, views)
    top = int(probabilities[0].argmax())
    label = top if label is None else label
    kept = [None] * len(trials) if clean_views is None else _kept(views - clean_views).tolist()
    target = None if clean_views is None else top
    before, *answers = (
        _answer(classifier, trial, row, label, top, target, share)
        for trial, row, share in zip(trials, probabilities, kept, strict=True)
    )
    return StressResult(name, clean_views is not None, label, before, tuple(answers))


def apply_transform(pixels: Tensor, trial: Trial) -> Tensor:
    """A photograph under one trial; as it is where the trial has no name."""
    manipulation, strength = trial
    return TRANSFORMS[manipulation](pixels, strength) if manipulation else pixels


def _views(classifier: Classifier, pixels: Tensor, trials: Sequence[Trial]) -> Generator[Trial, None, Tensor]:
    """What the network sees (T, 3, h, w) under each trial."""
    views: list[Tensor] = []
    for trial in trials:
        # Not around the loop: between two steps, gradients are whoever asks for the next one's to switch.
        with torch.no_grad():
            views.append(classifier.preprocessing.preprocess(apply_transform(pixels, trial)))
        yield trial
    return torch.cat(views)


def _probabilities(classifier: Classifier, views: Tensor) -> Tensor:
    with torch.inference_mode():
        logits = torch.cat([classifier.logits_from_inputs(some) for some in views.split(_BATCH)])
    return logits.double().softmax(dim=1).cpu()


def _kept(noise: Tensor) -> Tensor:
    """High-frequency energy of each view's noise (T, 3, h, w) over the first one's; NaN where that has none."""
    energy = high_frequency_energy(noise)
    return energy / energy[0]


def _answer(
    classifier: Classifier,
    trial: Trial,
    probabilities: Tensor,
    label: int,
    seen: int,
    target: int | None,
    high_frequency_kept: float | None,
) -> Answer:
    top = int(probabilities.argmax())
    others = torch.cat((probabilities[:seen], probabilities[seen + 1 :]))
    return Answer(
        manipulation=trial[0],
        strength=trial[1],
        top=Prediction(classifier.labels[top], top, float(probabilities[top])),
        label=float(probabilities[label]),
        target=None if target is None else float(probabilities[target]),
        margin=float(probabilities[seen] - others.max()),
        high_frequency_kept=high_frequency_kept,
    )
