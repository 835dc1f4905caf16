"""Attack photographs, many at a time, and report what their files do to the classifier."""

from __future__ import annotations

import dataclasses
import io
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from snellen.attacks.batch import AttackJob, run_jobs
from snellen.attacks.config import RANDOM, AttackConfig
from snellen.attacks.fused import fastest_precision, fused_classifier
from snellen.attacks.result import AttackResult, Save, report
from snellen.attacks.state import AttackExample, PhotographState
from snellen.data.images import to_image
from snellen.data.preprocessing import check_pixels
from snellen.errors import InputError
from snellen.models.classifier import Classifier


def attack(
    classifier: Classifier,
    pixels: Tensor,
    target: str | int | None,
    epsilon: str | float = "4/255",
    *,
    label: str | int | None = None,
    plan: AttackConfig | None = None,
) -> tuple[Image.Image, AttackResult]:
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
    plan = dataclasses.replace(plan or AttackConfig(target), target=target, epsilon=epsilon)
    index = None if label is None else classifier.labels.find(label)
    ((_, image, result),) = attack_each(classifier, [AttackExample("pixels", to_image(pixels), index)], plan)
    return image, result


def png_bytes(image: Image.Image, _: AttackExample | None = None) -> bytes:
    """A PNG of ``image``, in memory."""
    file = io.BytesIO()
    # Noise does not compress: a higher level takes many times as long for a few percent.
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def _raise(_: AttackExample, error: InputError) -> None:
    raise error


@dataclass(frozen=True, eq=False)
class Step:
    """A photograph under attack, after one more gradient.

    Attributes:
        subject: the photograph.
        gradients: how many were taken for it so far.
    """

    subject: AttackExample
    gradients: int


Attacked = tuple[AttackExample, Image.Image, AttackResult]


def attack_each(
    classifier: Classifier,
    subjects: Iterable[AttackExample],
    plan: AttackConfig,
    save: Save = png_bytes,
    refuse: Callable[[AttackExample, InputError], None] = _raise,
) -> Iterator[Attacked]:
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
    for found in attack_steps(classifier, subjects, plan, save, refuse):
        if not isinstance(found, Step):
            yield found


def attack_steps(
    classifier: Classifier,
    subjects: Iterable[AttackExample],
    plan: AttackConfig,
    save: Save = png_bytes,
    refuse: Callable[[AttackExample, InputError], None] = _raise,
) -> Iterator[Attacked | Step]:
    """As :func:`attack_each`, with every step on the way; whoever stops asking stops the attack.

    Raises:
        InputError: no such class.
    """
    if plan.target not in (None, RANDOM):
        classifier.labels.find(plan.target)
    # The assignment's rule lives on gradients that bfloat16 cannot hold.
    precision = "float32" if plan.method == "ascent" else fastest_precision(classifier.device)
    fused = fused_classifier(classifier, precision)
    queue = _Queue(classifier, iter(subjects), plan, refuse)
    for climb, reached in run_jobs(queue.following, classifier, fused):
        if isinstance(reached, int):
            case = queue.cases[id(climb)]
            yield Step(case.subject, case.gradients + reached)
            continue
        case = queue.cases.pop(id(climb))
        if case.conclude(reached):
            yield case.subject, *report(case, save)
        else:
            queue.again.append(case)


class _Queue:
    """The cases to climb next: those that go on with another epsilon or search first, then new photographs."""

    def __init__(
        self,
        classifier: Classifier,
        subjects: Iterator[AttackExample],
        plan: AttackConfig,
        refuse: Callable[[AttackExample, InputError], None],
    ) -> None:
        self.again: deque[PhotographState] = deque()
        self.cases: dict[int, PhotographState] = {}
        self._fresh = self._begin(classifier, subjects, plan, refuse)

    def following(self) -> AttackJob | None:
        case = self.again.popleft() if self.again else next(self._fresh, None)
        if case is None:
            return None
        climb = case.climb()
        self.cases[id(climb)] = case
        return climb

    @staticmethod
    def _begin(
        classifier: Classifier,
        subjects: Iterator[AttackExample],
        plan: AttackConfig,
        refuse: Callable[[AttackExample, InputError], None],
    ) -> Iterator[PhotographState]:
        for subject in subjects:
            try:
                case = PhotographState(classifier, subject, plan)
            except InputError as error:
                refuse(subject, error)
            else:
                yield case
