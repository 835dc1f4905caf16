"""One photograph under attack: from its bytes to attack jobs, and from where their searches end to bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from PIL import Image
from torch import Tensor

from snellen.attacks.apgd import apgd
from snellen.attacks.batch import AttackJob, CurvePoint, SearchResult
from snellen.attacks.config import RANDOM, AttackConfig, Space, epsilon_steps
from snellen.attacks.eot import EOTSampler, momentum_iterative, reduction
from snellen.attacks.gradient_ascent import gradient_ascent, searched_gradient_ascent
from snellen.attacks.gradients import EOT_SAMPLES, GradientEngine
from snellen.attacks.search import Ball, Criterion, log_probability_or_margin, probability
from snellen.attacks.verify import Bytes
from snellen.data.images import Photo, pixels_from_bytes
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.runs.provenance import fingerprint

STEPS = {"apgd": 100, "gradient_ascent": 200}
"""The largest number of gradients for each photograph."""
ROBUST_STEPS = 80
"""The largest number of steps of a robust attack."""
_ROBUST_PATIENCE = 5
_LARGEST_EPSILON = 64


@dataclass(frozen=True, eq=False)
class AttackExample:
    """A photograph to attack.

    Attributes:
        photo: the photograph.
        label: index of the class that it shows; None takes what the classifier answers.
    """

    photo: Photo
    label: int | None = None


def attacked_bytes(classifier: Classifier, image: Image.Image, space: Space) -> Bytes:
    """The bytes (H, W, 3) that an attack in ``space`` changes: the photograph's, or those of the network's input."""
    return np.asarray(image) if space == "image" else classifier.preprocessing.preprocess_image(image)


@dataclass(eq=False)
class PhotographState:
    """A photograph under attack.

    Attributes:
        classifier: classifier to fool.
        engine: gives the gradients, and the answers of the original and of the noise control.
        example: the photograph.
        config: how.
        original: bytes (H, W, 3) that the attack changes, as they were.
        criterion: what counts as success.
        before: class probabilities (K,) of the original.
        epsilon: bound that is tried now, or that was settled on.
        attacked: best bytes so far.
        plain: for a robust attack, the bytes of the plain one, which comes first; else None.
        gradients: number of gradients taken.
        failure_reason: why the last search could not go on; None where it could.
        curve: what the last search met at each of its gradients.
    """

    classifier: Classifier
    engine: GradientEngine
    example: AttackExample
    config: AttackConfig
    original: Bytes = field(init=False)
    criterion: Criterion = field(init=False)
    before: Tensor = field(init=False)
    epsilon: EpsilonSearch = field(init=False)
    attacked: Bytes = field(init=False)
    plain: Bytes | None = None
    gradients: int = 0
    failure_reason: str | None = None
    curve: tuple[CurvePoint, ...] = ()

    def __post_init__(self) -> None:
        self.original = attacked_bytes(self.classifier, self.example.photo.image, self.config.space)
        self.before = self.probabilities(Image.fromarray(self.original))
        label = int(self.before.argmax()) if self.example.label is None else self.example.label
        self.criterion = Criterion(label, self._target(label))
        self.epsilon = EpsilonSearch(epsilon_steps(self.config.epsilon))
        self.attacked = self.original

    def probabilities(self, image: Image.Image) -> Tensor:
        """Class probabilities (K,) of an image in the space of the attack, by the engine."""
        in_image = self.config.space == "image"
        return self.engine.probabilities(
            self.classifier.preprocessing.preprocess_image(image) if in_image else np.asarray(image)
        )

    @property
    def seed(self) -> int:
        """The photograph's own seed: the same wherever in a batch it stands."""
        return int(fingerprint(f"{self.config.seed} {self.example.photo.name.rpartition('/')[2]}")[:8], 16)

    def _target(self, label: int) -> int | None:
        if self.config.target is None:
            return None
        labels = self.classifier.labels
        if self.config.target == RANDOM:
            drawn = int(np.random.default_rng(self.seed).integers(len(labels) - 1))
            return drawn + (drawn >= label)
        target = labels.find(self.config.target)
        if target == label:
            raise InputError(f"{self.example.photo.name}: shows {labels[label]!r} already", "another target")
        return target

    def next_job(self) -> AttackJob:
        """The next search, in the ball of the epsilon that is being tried."""
        config = self.config
        if self._in_robust_search:
            return self._robust_job()
        centre = pixels_from_bytes(self.original[self._window()])
        ball = Ball(centre.to(self.classifier.device), self.epsilon.steps / 255)
        # Where nothing may move there is nothing to search.
        steps = (config.steps or STEPS[config.method]) if self.epsilon.steps else 1
        objective = probability if config.method == "gradient_ascent" else log_probability_or_margin
        step_sizes: list[float] = []
        if config.method == "apgd":
            search = apgd(ball, steps)
        elif config.step_size is None:
            search = searched_gradient_ascent(ball, steps, step_sizes)
        else:
            search = gradient_ascent(ball, steps, config.step_size)
        return AttackJob(
            search, self.criterion, objective, self._preprocess, confidence=config.confidence, step_sizes=step_sizes
        )

    def _robust_job(self) -> AttackJob:
        height, width = self.original.shape[:2]
        preprocessing, preprocess = self.classifier.preprocessing, self._preprocess
        centre = self.original
        if self._reduction is not None:
            centre = self._reduction.preprocess_image(Image.fromarray(self.original))

            def preprocess(point: Tensor) -> Tensor:
                return preprocessing.preprocess_reduced(point, height, width)

        ball = Ball(pixels_from_bytes(centre).to(self.classifier.device), self.epsilon.steps / 255)
        return AttackJob(
            momentum_iterative(ball, self.config.steps or ROBUST_STEPS),
            self.criterion,
            log_probability_or_margin,
            preprocess,
            EOTSampler(preprocessing, centre.shape[0], centre.shape[1], EOT_SAMPLES, self.seed),
            self.config.confidence,
            _ROBUST_PATIENCE,
        )

    @property
    def _reduction(self) -> Preprocessing | None:
        """The resize to the photograph that a robust search moves; None where it moves the pixels themselves.

        Where the transforms are computed on a photograph of at most half the size, its pixels are all that the search
        can tell apart: it moves those, and each carries what lies under it.
        """
        height, width = self.original.shape[:2]
        found = reduction(self.classifier.preprocessing, height, width)
        return found if found is not None and 2 * min(found.size) <= min(height, width) else None

    @property
    def _in_robust_search(self) -> bool:
        """Whether the plain attack, which a robust one begins with, is over."""
        return self.config.robust and self.plain is not None

    def _window(self) -> tuple[slice, slice]:
        """What may be moved: all of it where a transform can bring it into the crop, else what is in the crop."""
        height, width = self.original.shape[:2]
        if self.config.space == "input" or self._in_robust_search:
            return slice(0, height), slice(0, width)
        return self.classifier.preprocessing.window(height, width)

    def _preprocess(self, point: Tensor) -> Tensor:
        if self.config.space == "input":
            return point
        if self._in_robust_search:
            return self.classifier.preprocessing.preprocess(point)
        return self.classifier.preprocessing.preprocess_window(point, *self.original.shape[:2])

    def _attacked(self, point: Tensor) -> Bytes:
        """The bytes (H, W, 3) that a search found."""
        found = point.mul(255).round().byte()[0].permute(1, 2, 0).cpu().numpy()
        if self._in_robust_search and self._reduction is not None:
            noise = found.astype(np.int16) - self._reduction.preprocess_image(Image.fromarray(self.original))
            return with_enlarged_noise(self.original, noise)
        attacked = self.original.copy()
        attacked[self._window()] = found
        return attacked

    def take(self, result: SearchResult) -> bool:
        """Take in where a search ended; False where another one follows."""
        self.gradients += result.steps
        self.failure_reason, self.curve = result.failure_reason, result.curve
        attacked = self._attacked(result.point)
        if self.config.robust and self.plain is None:
            self.plain = attacked
            return False
        if self.epsilon.given:
            self.attacked = attacked
            return True
        success = bool(self.criterion.is_met(self.probabilities(Image.fromarray(attacked))[None])[0])
        if success or not self.epsilon.succeeded:
            self.attacked = attacked
        return self.epsilon.settle(success)


def with_enlarged_noise(original: Bytes, noise: npt.NDArray[np.int16]) -> Bytes:
    """``original`` (H, W, 3) with noise (h, w, 3), in steps of 1/255: each value over all pixels that lie under it."""
    height, width = original.shape[:2]
    rows, columns = (
        ((2 * np.arange(side) + 1) * small // (2 * side))
        for side, small in zip((height, width), noise.shape[:2], strict=True)
    )
    attacked = np.empty_like(original)
    # Strip by strip: the sums need wider integers.
    for start in range(0, height, 256):
        strip = slice(start, start + 256)
        attacked[strip] = (original[strip] + noise[rows[strip]][:, columns]).clip(0, 255)
    return attacked


class EpsilonSearch:
    """The bounds to try, in steps of 1/255: the one that is given, or a search for the smallest that succeeds.

    The search doubles until it succeeds, then halves the gap: an attack with more room is taken to succeed wherever one
    with less does.
    """

    def __init__(self, given: int | None) -> None:
        self.steps = 1 if given is None else given
        self.succeeded = False
        self.given = given is not None
        self._largest_failed, self._smallest_succeeded = 0, _LARGEST_EPSILON + 1

    def settle(self, success: bool) -> bool:
        """Take in whether :attr:`steps` succeeded; True where nothing is left to try, and then it is the answer."""
        self.succeeded |= success
        if self.given:
            return True
        if success:
            self._smallest_succeeded = self.steps
        else:
            self._largest_failed = self.steps
        if self._smallest_succeeded - self._largest_failed <= 1 or self._largest_failed == _LARGEST_EPSILON:
            self.steps = min(self._smallest_succeeded, _LARGEST_EPSILON)
            return True
        middle = (self._largest_failed + self._smallest_succeeded) // 2
        self.steps = middle if self.succeeded else min(2 * self.steps, _LARGEST_EPSILON)
        return False
