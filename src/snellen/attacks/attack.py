"""Attack photographs and report what their files do to the classifier, one after another, many at a time."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from snellen.attacks.adaptive import adaptive
from snellen.attacks.ascent import STEP_SIZE, ascent
from snellen.attacks.climb import Climb, Look, Summit, climb_all
from snellen.attacks.plan import RANDOM, Plan, epsilon_steps
from snellen.attacks.robust import HeldOut, Turns, held_out_draws, steady
from snellen.attacks.search import Ball, Goal, evidence, probability
from snellen.attacks.swift import fastest_precision, swift_copy
from snellen.attacks.verify import Bytes, Verdict, judge, prediction, probabilities, uniform_noise, verify
from snellen.classifier import Classifier
from snellen.errors import InputError
from snellen.images import Source, to_image, to_pixels
from snellen.predictions import Prediction
from snellen.preprocessing import check_pixels
from snellen.runs import fingerprint
from snellen.transforms import find_transform

STEPS = {"adaptive": 100, "ascent": 200}
"""Most gradients for each photograph."""
ROBUST_STEPS, ROBUST_LOOKS = 80, 8
"""Most steps of a robust attack, and its drawn looks in each; it ends when all looks are sure five times in a row."""
_ROBUST_PATIENCE = 5
_LARGEST_EPSILON = 64


@dataclass(frozen=True)
class Attack:
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
        through_classify: in the space ``input``, the most probable class when the attacked file, which is of the
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
    through_classify: Prediction | None
    held_out: tuple[HeldOut, ...]
    gradients: int
    reason: str | None
    file: str

    @property
    def correct(self) -> bool:
        """Whether the original was classified as its label."""
        return self.original.index == self.label.index


@dataclass(frozen=True, eq=False)
class Subject:
    """A photograph to attack.

    Attributes:
        name: what results call it.
        image: upright and RGB.
        label: the class that it shows; None takes what the classifier answers.
    """

    name: str
    image: Image.Image
    label: int | None = None


def attack(
    classifier: Classifier,
    pixels: Tensor,
    target: str | int | None,
    epsilon: str | float = "4/255",
    *,
    label: str | int | None = None,
    plan: Plan | None = None,
) -> tuple[Image.Image, Attack]:
    """Add noise of at most ``epsilon`` to one photograph so that the classifier sees ``target``.

    Args:
        classifier: the one to fool.
        pixels: (1, 3, H, W) in [0, 1]; rounded to 8 bits, as its file holds it.
        target: class name or index; None for any class but the label.
        epsilon: the bound of the infinity norm, such as ``4/255``; ``min`` searches for the smallest.
        label: the class that the photograph shows; None takes what the classifier answers.
        plan: everything else; its target and epsilon are not used.

    Returns:
        The attacked photograph, of the original's size, and the report, measured from its PNG.

    Raises:
        InputError: values that cannot be, or a target that is the label.
    """
    check_pixels(pixels, "attack")
    if len(pixels) != 1:
        raise InputError(f"attack: got {len(pixels)} photographs", "one; attack_each takes several")
    plan = Plan(**(vars(plan or Plan(target)) | {"target": target, "epsilon": epsilon}))
    index = None if label is None else classifier.labels.find(label)
    ((_, image, result),) = attack_each(classifier, [Subject("pixels", to_image(pixels), index)], plan)
    return image, result


Save = Callable[[Image.Image, Subject], Source]
"""Keeps an attacked image as a lossless file, and says where it can be read back."""


def png_bytes(image: Image.Image, _: Subject | None = None) -> bytes:
    """A PNG of ``image``, in memory."""
    file = io.BytesIO()
    # Noise does not compress: a higher level takes many times as long for a few percent.
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _raise(_: Subject, error: InputError) -> None:
    raise error


def attack_each(
    classifier: Classifier,
    subjects: Iterable[Subject],
    plan: Plan,
    save: Save = png_bytes,
    refuse: Callable[[Subject, InputError], None] = _raise,
) -> Iterator[tuple[Subject, Image.Image, Attack]]:
    """As :func:`attack` for many photographs, which share the network's passes; each is given as it ends.

    Args:
        classifier: the one to fool.
        subjects: taken up as room for them arises.
        plan: how.
        save: keeps the attacked file.
        refuse: told of a photograph that shows the target already; without it, that ends everything.

    Raises:
        InputError: no such class.
    """
    if plan.target not in (None, RANDOM):
        classifier.labels.find(plan.target)
    # The assignment's rule lives on gradients that bfloat16 cannot hold.
    precision = "float32" if plan.method == "ascent" else fastest_precision(classifier.device)
    network = swift_copy(classifier.network, precision)
    queue = _Queue(classifier, iter(subjects), plan, refuse)
    for climb, summit in climb_all(queue.following, classifier, network):
        case = queue.cases.pop(id(climb))
        if case.conclude(summit):
            yield case.subject, *_report(case, save)
        else:
            queue.again.append(case)


class _Queue:
    """The cases to climb next: those that go on with another epsilon or search first, then new photographs."""

    def __init__(
        self,
        classifier: Classifier,
        subjects: Iterator[Subject],
        plan: Plan,
        refuse: Callable[[Subject, InputError], None],
    ) -> None:
        self.again: deque[_Case] = deque()
        self.cases: dict[int, _Case] = {}
        self._fresh = self._begin(classifier, subjects, plan, refuse)

    def following(self) -> Climb | None:
        case = self.again.popleft() if self.again else next(self._fresh, None)
        if case is None:
            return None
        climb = case.climb()
        self.cases[id(climb)] = case
        return climb

    @staticmethod
    def _begin(
        classifier: Classifier,
        subjects: Iterator[Subject],
        plan: Plan,
        refuse: Callable[[Subject, InputError], None],
    ) -> Iterator[_Case]:
        for subject in subjects:
            try:
                case = _Case(classifier, subject, plan)
            except InputError as error:
                refuse(subject, error)
            else:
                yield case


@dataclass(eq=False)
class _Case:
    """One photograph on its way: from its bytes to climbs, and from their summits to bytes."""

    classifier: Classifier
    subject: Subject
    plan: Plan
    original: Bytes = field(init=False)
    goal: Goal = field(init=False)
    before: Tensor = field(init=False)
    epsilons: _Epsilons = field(init=False)
    attacked: Bytes = field(init=False)
    plain: Bytes | None = None
    gradients: int = 0
    trouble: str | None = None

    def __post_init__(self) -> None:
        image = self.subject.image
        view = self.classifier.preprocessing.view_of
        self.original = np.asarray(image) if self.plan.space == "image" else view(image)
        self.before = probabilities(self.classifier, Image.fromarray(self.original), self.plan.space)
        label = int(self.before.argmax()) if self.subject.label is None else self.subject.label
        self.goal = Goal(label, self._target(label))
        self.epsilons = _Epsilons(epsilon_steps(self.plan.epsilon))
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

    def climb(self) -> Climb:
        """The next climb, in the ball of the epsilon that is being tried."""
        height, width = self.original.shape[:2]
        rows, columns = self._window(height, width)
        # Copied: a photograph's bytes are read-only.
        centre = torch.from_numpy(self.original[rows, columns].copy()).permute(2, 0, 1)[None].float().div(255)
        ball = Ball(centre.to(self.classifier.device), self.epsilons.trying / 255)
        look = self._look(height, width)
        assurance = self.plan.assurance
        if self.plan.robust and self.plain is not None:
            steps = self.plan.steps or ROBUST_STEPS
            turns = Turns(self.classifier.preprocessing, height, width, ROBUST_LOOKS, self.seed)
            return Climb(steady(ball, steps), self.goal, evidence, look, turns, assurance, _ROBUST_PATIENCE)
        steps = self.plan.steps or STEPS[self.plan.method]
        if self.plan.method == "ascent":
            return Climb(
                ascent(ball, steps, self.plan.step_size or STEP_SIZE), self.goal, probability, look, assurance=assurance
            )
        return Climb(adaptive(ball, steps), self.goal, evidence, look, assurance=assurance)

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
            return preprocessing.view
        return lambda point: preprocessing.view_of_window(point, height, width)

    def conclude(self, summit: Summit) -> bool:
        """Take in where a climb ended; False where another one follows."""
        self.gradients += summit.steps
        self.trouble = summit.trouble
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


class _Epsilons:
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


def _report(case: _Case, save: Save) -> tuple[Image.Image, Attack]:
    """Write the file, read it back, and say what is in it."""
    classifier, goal, space, epsilon = case.classifier, case.goal, case.plan.space, case.epsilons.trying
    image = Image.fromarray(case.attacked)
    file = save(image, case.subject)
    verdict, distance = verify(classifier, file, case.original, goal, space)
    once_more = None
    if space == "input":
        values = probabilities(classifier, image, "image")
        once_more = prediction(classifier, values, int(values.argmax()))
    return image, Attack(
        image=case.subject.name,
        label=prediction(classifier, case.before, goal.label),
        label_given=case.subject.label is not None,
        target=None if goal.target is None else prediction(classifier, case.before, goal.target),
        original=prediction(classifier, case.before, int(case.before.argmax())),
        epsilon=epsilon,
        attacked=verdict,
        norm=distance,
        control=judge(classifier, uniform_noise(case.original, epsilon, case.seed), goal, space),
        through_classify=once_more,
        held_out=_score(case) if case.plain is not None else (),
        gradients=case.gradients,
        reason=None if verdict.hit else _reason(case, verdict, distance),
        file="" if isinstance(file, bytes) else str(file),
    )


def _reason(case: _Case, verdict: Verdict, distance: int) -> str:
    if case.epsilons.trying == 0:
        return "an epsilon of less than 1/255 leaves an 8-bit file as it is"
    if case.trouble is not None:
        return case.trouble
    goal = case.goal.assurance(case.before[None]).item()
    if distance == 0:
        return (
            f"stalled: the goal's probability is {goal:.1e}, and its gradient so small that {case.gradients} steps "
            "moved no value by half of 1/255; a larger step size, or the adaptive method, helps"
        )
    reached = case.goal.assurance(probabilities(case.classifier, Image.fromarray(case.attacked), case.plan.space)[None])
    if case.plan.method == "ascent" and distance < case.epsilons.trying:
        return (
            f"stalled: {case.gradients} steps used {distance} of {case.epsilons.trying} allowed steps of 1/255 and took "
            f"the goal's probability from {goal:.1e} to {reached.item():.1e}"
        )
    return (
        f"budget too small: {case.gradients} gradients within {case.epsilons.trying}/255 took the goal's probability "
        f"from {goal:.1e} to {reached.item():.1e}, below that of {verdict.top.label}"
    )


def _score(case: _Case) -> tuple[HeldOut, ...]:
    """The robust and the plain attack on draws that neither has seen."""
    assert case.plain is not None  # a robust case climbs the plain way first
    hits = [held_out_hits(case.classifier, image, case.goal, case.plan.seed) for image in (case.attacked, case.plain)]
    return tuple(
        HeldOut(name, sum(robust), sum(plain), len(robust))
        for (name, robust), plain in zip(hits[0].items(), hits[1].values(), strict=True)
    )


def held_out_hits(classifier: Classifier, attacked: Bytes, goal: Goal, seed: int) -> dict[str, list[bool]]:
    """Whether the goal is met under each of :func:`held_out_draws`, by the manipulation's name."""
    pixels = to_pixels(Image.fromarray(attacked))
    hits: dict[str, list[bool]] = {}
    for name, strength, number in held_out_draws(seed):
        turned = find_transform(name)(pixels, strength, torch.Generator().manual_seed(number))
        with torch.no_grad():
            met = goal.met(classifier.logits(turned))
        hits.setdefault(name, []).append(bool(met[0]))
    return hits
