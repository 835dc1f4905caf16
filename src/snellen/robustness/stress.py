"""The stress test: a photograph under every transform at every strength, and what the classifier answers then.

The assignment's problem 4, part 2, asks for four of them; see :data:`snellen.data.transforms.ASSIGNMENT`.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, overload

import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import Failure, ImageLike, Photo, Source, one_or_many, open_photo, source_name
from snellen.data.seen import SeenPhotograph
from snellen.data.transforms import (
    GRAY_NOISE,
    GRAY_PHOTOGRAPH,
    TransformStrength,
    all_transforms,
    apply_transform,
    check_strengths,
    describe_transform,
)
from snellen.errors import ImageError, InputError
from snellen.inference.engines import Engine, choose_engine
from snellen.models.classifier import Classifier, check_classifier
from snellen.models.predictions import Prediction, probabilities_of, softmax
from snellen.robustness.spectrum import high_frequency_energy
from snellen.runs.progress import SILENT, Progress
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_THUMBNAIL = 400
"""The longest side of the photograph that a result keeps, in pixels."""


@dataclass(frozen=True)
class Outcome:
    """What is seen in a photograph under one transform at a strength.

    Attributes:
        transform: name of the transform; empty for the photograph as it is.
        strength: amount of the transform, in its unit.
        top: most probable class.
        label_probability: probability of the class that the photograph shows.
        target_probability: probability of the class that an attack made of it; None where there was no attack.
        margin: probability of the class seen in the photograph as it is, less that of the best other class.
        high_frequency_kept: energy of the attack's noise at high frequencies, in the network's input, over what it is
            without a transform; NaN where it is none, None where the original is not known.
    """

    transform: str
    strength: float
    top: Prediction
    label_probability: float
    target_probability: float | None
    margin: float
    high_frequency_kept: float | None

    @property
    def title(self) -> str:
        """The transform at its strength: ``rotation by 30°``, or ``as it is``."""
        return describe_transform((self.transform, self.strength))


@dataclass(frozen=True)
class StressResult(Result):
    """One photograph's outcomes.

    Attributes:
        image: name of the photograph.
        attacked: whether it came with an original that it was made from.
        label: index of the class that it shows: as given, or what is seen in the original or, where there is none, in
            the photograph itself.
        before: outcome of the photograph as it is.
        outcomes: one for each transform and strength.
        thumbnail: the photograph, its longer side at most 400 pixels.
        runner_up: second most probable class of the photograph as it is.
        controls: outcomes beside the transforms: where it was attacked of its noise alone in gray, and of what it was
            made from alone in gray.
    """

    image: str
    attacked: bool
    label: int
    before: Outcome
    outcomes: tuple[Outcome, ...]
    thumbnail: Image.Image = field(repr=False, compare=False, metadata=NOT_SERIALISED)
    runner_up: Prediction = field(repr=False, metadata=NOT_SERIALISED)
    controls: tuple[Outcome, ...] = ()

    def outcome(self, transform: str, strength: float) -> Outcome:
        """The outcome of one transform at a strength, or of one of the controls.

        Raises:
            InputError: the photograph was not put to it.
        """
        for outcome in (*self.outcomes, *self.controls):
            if (outcome.transform, outcome.strength) == (transform, strength):
                return outcome
        raise InputError(f"{self.image}: was not put to {transform} at {strength:g}", "one of its `outcomes`")

    @property
    def fooled(self) -> bool:
        """Whether the photograph as it is is seen as another class than it shows: an attack that did not fool leaves
        nothing to undo.
        """
        return self.before.top.index != self.label

    @property
    def misclassified(self) -> bool:
        """Whether the photograph, which was not attacked, is seen as another class than it shows before any transform:
        what a transform leaves or changes is then a mistake.
        """
        return not self.attacked and self.fooled

    def keeps(self, outcome: Outcome) -> bool:
        """Whether the answer is the one before any transform: its class, the attack's where that fooled, or the mistake
        of a photograph that is :attr:`misclassified`.
        """
        return outcome.top.index == self.before.top.index

    def plot(self) -> Figure:
        """The photograph as it is and under the assignment's four transforms, each with its class."""
        from snellen.robustness.figures import draw_stress

        return draw_stress([self])

    def discussion(self) -> str:
        """What the transforms did, in sentences, and what that does not prove."""
        from snellen.robustness.discussion import discuss

        return discuss([self])


StressPair = tuple[StressResult, StressResult | None]
"""A photograph's result and, where it was made from an original, that one's."""


@overload
def stress(
    classifier: Classifier,
    images: Source | Image.Image,
    original: Any = ...,
    *,
    label: str | int | None = ...,
    transforms: Sequence[TransformStrength] | None = ...,
    progress: Progress = ...,
) -> StressResult: ...
@overload
def stress(
    classifier: Classifier,
    images: Any,
    original: Any = ...,
    *,
    label: str | int | None = ...,
    transforms: Sequence[TransformStrength] | None = ...,
    progress: Progress = ...,
) -> Any: ...
def stress(
    classifier: Classifier,
    images: ImageLike | Iterable[ImageLike],
    original: ImageLike | Iterable[ImageLike] | None = None,
    *,
    label: str | int | None = None,
    transforms: Sequence[TransformStrength] | None = None,
    progress: Progress = SILENT,
) -> StressResult | list[StressResult | Failure]:
    """Transform one or many photographs in many ways and classify each result.

    Args:
        classifier: classifier under examination.
        images: one photograph or several, attacked ones or not, each transformed at its own size, before the
            classifier's preprocessing.
        original: what an attacked photograph was made from, of the same size; for several photographs as many.
        label: class that the photographs show; see :class:`StressResult`.
        transforms: names of transforms with a strength each, of :data:`snellen.TRANSFORMS`; None takes
            :func:`all_transforms`.
        progress: told of each photograph.

    Returns:
        A :class:`StressResult`; of several photographs a list of them, where one that cannot be read, or not together
        with its original, is a :class:`~snellen.data.images.Failure` in its place.

    Raises:
        ImageError: the only photograph, or its original, cannot be read; or they differ in size.
        InputError: other than as many originals as photographs; an unknown label or transform; a strength beyond its
            range; something that is no photograph.
    """
    check_classifier(classifier, "stress")
    check_strengths(transforms or ())
    photographs, single = one_or_many(images, "stress")
    originals = [None] * len(photographs) if original is None else one_or_many(original, "stress")[0]
    check_originals(len(photographs), len(originals))
    shown = None if label is None else classifier.labels.find(label)
    engine = stress_engine(classifier, len(photographs) * (1 if original is None else 2), transforms, progress)
    progress.begin("Transforming", len(photographs))
    results: list[Any] = []
    for number, (image, before) in enumerate(zip(photographs, originals, strict=True)):
        try:
            photo = open_photo(image, "stress", number)
            clean = None if before is None else open_photo(before, "stress", number)
            results.append(stress_pair(classifier, engine, photo, clean, shown, transforms)[0])
        except ImageError as error:
            if single:
                raise
            results.append(Failure(source_name(image, number), str(error)))
        progress.advance()
    return results[0] if single else results


def check_originals(photographs: int, originals: int) -> None:
    """Refuse another number of originals than of photographs.

    Raises:
        InputError: they differ.
    """
    if originals != photographs:
        raise InputError(f"{photographs} photographs, {originals} originals", "as many, in the same order")


def stress_engine(
    classifier: Classifier,
    photographs: int,
    transforms: Sequence[TransformStrength] | None = None,
    progress: Progress = SILENT,
) -> Engine:
    """The engine that answers for so many photographs under each transform; see :func:`choose_engine`."""
    trials = len(all_transforms() if transforms is None else transforms)
    return choose_engine(classifier, output="logits", progress=progress, count=photographs * trials)


def stress_pair(
    classifier: Classifier,
    engine: Engine,
    photo: Photo,
    original: Photo | None,
    label: int | None = None,
    transforms: Sequence[TransformStrength] | None = None,
) -> StressPair:
    """The result of a photograph and that of its original; None as transforms takes :func:`all_transforms`.

    For the other arguments see :class:`StressTest`.
    """
    test = StressTest(classifier, engine, photo, original, label)
    for _ in test.steps(all_transforms() if transforms is None else transforms):
        pass
    return test.result()


class StressTest:
    """A stress test of one photograph, in steps.

    Args:
        classifier: classifier under examination.
        engine: gives its logits.
        photo: a photograph.
        original: what it was made from, of the same size; None where it was not attacked.
        label: index of the class that it shows; see :class:`StressResult`.

    Raises:
        ImageError: photograph and original differ in size.
    """

    def __init__(
        self, classifier: Classifier, engine: Engine, photo: Photo, original: Photo | None, label: int | None = None
    ) -> None:
        if original is not None and original.size != photo.size:
            seen = "{} x {} pixels, original {} x {}".format(*photo.size, *original.size)
            raise ImageError(f"{photo.name}: {seen}", "one size")
        self._photo = _Tested(classifier, engine, photo)
        self._original = None if original is None else _Tested(classifier, engine, original)
        self._label = (self._original or self._photo).top if label is None else label
        self._outcomes: list[Outcome] = []
        self._outcomes_of_original: list[Outcome] = []

    def steps(self, transforms: Sequence[TransformStrength]) -> Iterator[TransformStrength]:
        """Put the photograph, and then its original, to further transforms.

        Yields:
            each transform, before the network is asked about them all: whoever stops asking stops the test.
        """
        inputs = yield from self._photo.inputs(transforms)
        if self._original is None:
            self._outcomes += self._photo.outcomes(transforms, inputs, self._label)
            return
        clean_inputs = yield from self._original.inputs(transforms)
        kept = self._kept(inputs - clean_inputs)
        self._outcomes += self._photo.outcomes(transforms, inputs, self._label, kept)
        self._outcomes_of_original += self._original.outcomes(transforms, clean_inputs, self._label)

    def result(self) -> StressPair:
        """What was found so far."""
        if self._original is None:
            return self._photo.result(self._outcomes, self._label), None
        kept = 1.0 if self._noise_energy > 0 else math.nan
        attacked = self._photo.result(self._outcomes, self._label, kept, self._controls)
        return attacked, self._original.result(self._outcomes_of_original, self._label)

    @functools.cached_property
    def _controls(self) -> list[Outcome]:
        assert self._original is not None
        clean = self._original.as_it_is
        inputs = _gray_alone(self._photo.as_it_is, clean)
        kept = self._kept(inputs - torch.cat((clean, _to_8_bits(_gray(clean)))))
        return self._photo.outcomes(_CONTROLS, inputs, self._label, kept)

    @functools.cached_property
    def _noise_energy(self) -> float:
        """High-frequency energy of the noise as it is."""
        assert self._original is not None
        return float(high_frequency_energy(self._photo.as_it_is - self._original.as_it_is))

    def _kept(self, noise: Tensor) -> list[float]:
        """High-frequency energy of each noise (T, 3, h, w) over that of the noise as it is; NaN where that has none."""
        energies: list[float] = high_frequency_energy(noise).tolist()
        return [energy / self._noise_energy if self._noise_energy > 0 else math.nan for energy in energies]


class _Tested:
    """One photograph of a test, and what is seen in it as it is."""

    def __init__(self, classifier: Classifier, engine: Engine, photo: Photo) -> None:
        self._classifier, self._engine, self._photo = classifier, engine, photo
        self._seen = SeenPhotograph(classifier.preprocessing, photo)
        with torch.no_grad():
            self.as_it_is = self._seen.under(("", 0.0))
        # Classified as any file is: one number, wherever it is asked for.
        self._probabilities = probabilities_of(classifier, photo.image)
        self.top = int(self._probabilities.argmax())

    def inputs(self, transforms: Sequence[TransformStrength]) -> Generator[TransformStrength, None, Tensor]:
        """The network's inputs (T, 3, h, w), one for each transform at a strength."""
        inputs = [self.as_it_is[:0]]
        for transform in transforms:
            # Not around the loop: between two steps, gradients are whoever asks for the next one's to switch.
            with torch.no_grad():
                inputs.append(self._seen.under(transform))
            yield transform
        return torch.cat(inputs)

    def outcomes(
        self, transforms: Sequence[TransformStrength], inputs: Tensor, label: int, kept: Sequence[float] | None = None
    ) -> list[Outcome]:
        """What is seen in inputs (T, 3, h, w); ``kept`` is what each has of an attack's noise, None without one."""
        as_bytes = inputs.mul(255).round().byte().permute(0, 2, 3, 1).contiguous().numpy()
        asked = label, None if kept is None else self.top
        shares = [None] * len(inputs) if kept is None else kept
        rows = zip(transforms, self._engine.run(as_bytes), shares, strict=True)
        return [
            outcome_of(self._classifier, transform, softmax(torch.from_numpy(logits)[None])[0], self.top, asked, share)
            for transform, logits, share in rows
        ]

    @functools.cached_property
    def _thumbnail(self) -> Image.Image:
        small = self._photo.image.copy()
        small.thumbnail((_THUMBNAIL, _THUMBNAIL))
        return small

    def result(
        self, outcomes: Sequence[Outcome], label: int, kept: float | None = None, controls: Sequence[Outcome] = ()
    ) -> StressResult:
        """The photograph's result; ``kept`` is of the photograph as it is."""
        attacked = kept is not None
        asked = label, self.top if attacked else None
        before = outcome_of(self._classifier, ("", 0.0), self._probabilities, self.top, asked, kept)
        runner_up = _prediction(self._classifier, self._probabilities, int(self._probabilities.topk(2).indices[1]))
        return StressResult(
            self._photo.name, attacked, label, before, tuple(outcomes), self._thumbnail, runner_up, tuple(controls)
        )


_CONTROLS = (GRAY_NOISE, GRAY_PHOTOGRAPH)


def _gray_alone(attacked: Tensor, clean: Tensor) -> Tensor:
    """Inputs (2, 3, h, w): the photograph under its noise in gray, and in gray under its noise."""
    noise = attacked - clean
    return _to_8_bits(torch.cat((clean + _gray(noise), _gray(clean) + noise)))


def _gray(inputs: Tensor) -> Tensor:
    return apply_transform(inputs, ("grayscale", 1.0))


def _to_8_bits(inputs: Tensor) -> Tensor:
    """Clipped and rounded, as preprocessing leaves every other input."""
    return inputs.mul(255).round().clamp(0, 255).div(255)


def outcome_of(
    classifier: Classifier,
    transform: TransformStrength,
    probabilities: Tensor,
    before: int,
    asked: tuple[int, int | None],
    kept: float | None = None,
) -> Outcome:
    """What is seen in one transformed photograph.

    Args:
        classifier: classifier under examination.
        transform: what was done to the photograph.
        probabilities: class probabilities (K,) after it.
        before: index of the class that is seen in the photograph as it is.
        asked: index of the class that the photograph shows, and of that which an attack is to show; None without one.
        kept: what is left of an attack's noise at high frequencies; None where there is none.
    """
    label, target = asked
    others = torch.cat((probabilities[:before], probabilities[before + 1 :]))
    return Outcome(
        *transform,
        top=_prediction(classifier, probabilities, int(probabilities.argmax())),
        label_probability=float(probabilities[label]),
        target_probability=None if target is None else float(probabilities[target]),
        margin=float(probabilities[before] - others.max()),
        high_frequency_kept=kept,
    )


def _prediction(classifier: Classifier, probabilities: Tensor, index: int) -> Prediction:
    return Prediction(classifier.labels[index], index, float(probabilities[index]))
