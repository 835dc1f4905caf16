"""One photograph on its way: from its bytes to climbs, and from where they end to bytes."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from snellen.attacks.apgd import apgd
from snellen.attacks.batch import AttackJob, Look, SearchResult
from snellen.attacks.config import RANDOM, AttackConfig, epsilon_steps
from snellen.attacks.eot import EOTSampler, momentum_iterative
from snellen.attacks.gradient_ascent import STEP_SIZE, gradient_ascent
from snellen.attacks.search import Ball, Criterion, evidence, probability
from snellen.attacks.verify import Bytes, judge, probabilities
from snellen.errors import InputError
from snellen.models.classifier import Classifier
from snellen.runs.provenance import fingerprint

STEPS = {"adaptive": 100, "ascent": 200}
"""Most gradients for each photograph."""
ROBUST_STEPS, ROBUST_LOOKS = 80, 8
"""Most steps of a robust attack, and its drawn looks in each; it ends when all looks are sure five times in a row."""
_ROBUST_PATIENCE = 5
_LARGEST_EPSILON = 64


@dataclass(frozen=True, eq=False)
class AttackExample:
    """A photograph to attack.

    Attributes:
        name: what results call it.
        image: upright and RGB.
        label: the class that it shows; None takes what the classifier answers.
    """

    name: str
    image: Image.Image
    label: int | None = None


@dataclass(eq=False)
class PhotographState:
    """A photograph under attack.

    Attributes:
        classifier: the one to fool.
        subject: the photograph.
        plan: how.
        original: its bytes, or in the space ``input`` those of its view.
        goal: what counts as fooled.
        before: class probabilities (K,) of the original.
        epsilons: the bounds to try.
        attacked: the best bytes so far.
        plain: of a robust plan, what the plain attack gives, which comes first; else None.
        gradients: how many were taken.
        trouble: why the last climb could not go on; None where it could.
    """

    classifier: Classifier
    subject: AttackExample
    plan: AttackConfig
    original: Bytes = field(init=False)
    goal: Criterion = field(init=False)
    before: Tensor = field(init=False)
    epsilons: Epsilons = field(init=False)
    attacked: Bytes = field(init=False)
    plain: Bytes | None = None
    gradients: int = 0
    failure_reason: str | None = None

    def __post_init__(self) -> None:
        image = self.subject.image
        view = self.classifier.preprocessing.preprocess_image
        self.original = np.asarray(image) if self.plan.space == "image" else view(image)
        self.before = probabilities(self.classifier, Image.fromarray(self.original), self.plan.space)
        label = int(self.before.argmax()) if self.subject.label is None else self.subject.label
        self.goal = Criterion(label, self._target(label))
        self.epsilons = Epsilons(epsilon_steps(self.plan.epsilon))
        self.attacked = self.original

    @property
    def seed(self) -> int:
        """Of this photograph: the same wherever in a batch it stands."""
        return int(fingerprint(f"{self.plan.seed} {self.subject.name.rpartition('/')[2]}")[:8], 16)

    def _target(self, label: int) -> int | None:
        if self.plan.target is None:
            return None
        labels = self.classifier.labels
        if self.plan.target == RANDOM:
            drawn = int(np.random.default_rng(self.seed).integers(len(labels) - 1))
            return drawn + (drawn >= label)
        target = labels.find(self.plan.target)
        if target == label:
            raise InputError(f"{self.subject.name}: shows {labels[label]!r} already", "another target")
        return target

    def climb(self) -> AttackJob:
        """The next climb, in the ball of the epsilon that is being tried."""
        height, width = self.original.shape[:2]
        rows, columns = self._window(height, width)
        # Copied: a photograph's bytes are read-only.
        centre = torch.from_numpy(self.original[rows, columns].copy()).permute(2, 0, 1)[None].float().div(255)
        ball = Ball(centre.to(self.classifier.device), self.epsilons.trying / 255)
        look = self._look(height, width)
        confidence = self.plan.confidence
        if self.plan.robust and self.plain is not None:
            steps = self.plan.steps or ROBUST_STEPS
            turns = EOTSampler(self.classifier.preprocessing, height, width, ROBUST_LOOKS, self.seed)
            return AttackJob(
                momentum_iterative(ball, steps), self.goal, evidence, look, turns, confidence, _ROBUST_PATIENCE
            )
        # Where nothing may move there is nowhere to climb.
        steps = (self.plan.steps or STEPS[self.plan.method]) if self.epsilons.trying else 1
        if self.plan.method == "ascent":
            return AttackJob(
                gradient_ascent(ball, steps, self.plan.step_size or STEP_SIZE),
                self.goal,
                probability,
                look,
                confidence=confidence,
            )
        return AttackJob(apgd(ball, steps), self.goal, evidence, look, confidence=confidence)

    def _window(self, height: int, width: int) -> tuple[slice, slice]:
        """What may be moved: all of it where a turn can bring it into view, else what is in view."""
        if self.plan.space == "input" or self.plan.robust:
            return slice(0, height), slice(0, width)
        return self.classifier.preprocessing.window(height, width)

    def _look(self, height: int, width: int) -> Look:
        preprocessing = self.classifier.preprocessing
        if self.plan.space == "input":
            return lambda point: point
        if self.plan.robust:
            return preprocessing.preprocess
        return lambda point: preprocessing.preprocess_window(point, height, width)

    def conclude(self, summit: SearchResult) -> bool:
        """Take in where a climb ended; False where another one follows."""
        self.gradients += summit.steps
        self.failure_reason = summit.failure_reason
        attacked = self._whole(summit.point)
        if self.plan.robust and self.plain is None:
            self.plain = attacked
            return False
        verdict = judge(self.classifier, Image.fromarray(attacked), self.goal, self.plan.space)
        if verdict.hit or not self.epsilons.hit:
            self.attacked = attacked
        return self.epsilons.settled(verdict.hit)

    def _whole(self, point: Tensor) -> Bytes:
        """The photograph with the window moved."""
        whole = self.original.copy()
        rows, columns = self._window(*whole.shape[:2])
        whole[rows, columns] = point.mul(255).round().byte()[0].permute(1, 2, 0).cpu().numpy()
        return whole


class Epsilons:
    """The bounds to try, in steps of 1/255: the one that is given, or a search for the smallest that hits.

    The search doubles until it hits, then halves the gap: an attack with more room is taken to hit wherever one
    with less does.
    """

    def __init__(self, given: int | None) -> None:
        self.trying = 1 if given is None else given
        self.hit = False
        self._given = given is not None
        self._missed, self._smallest = 0, _LARGEST_EPSILON + 1

    def settled(self, hit: bool) -> bool:
        """Take in whether :attr:`trying` hit; True where nothing is left to try, and then it is the answer."""
        self.hit |= hit
        if self._given:
            return True
        if hit:
            self._smallest = self.trying
        else:
            self._missed = self.trying
        if self._smallest - self._missed <= 1 or self._missed == _LARGEST_EPSILON:
            self.trying = min(self._smallest, _LARGEST_EPSILON)
            return True
        self.trying = (self._missed + self._smallest) // 2 if self.hit else min(2 * self.trying, _LARGEST_EPSILON)
        return False
