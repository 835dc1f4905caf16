"""What is said of an attacked photograph: measured from its file, and why where it failed."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor

from snellen.attacks.batch import CurvePoint
from snellen.attacks.eot import HeldOut, held_out_draws
from snellen.attacks.search import Criterion
from snellen.attacks.state import AttackExample, PhotographState
from snellen.attacks.verify import Bytes, Verdict, judge, prediction, probabilities, uniform_noise, verify
from snellen.data.images import ImageLike, Photo, Source, open_photo, to_pixels
from snellen.data.seen import SeenPhotograph
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.prose import counted
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure


@dataclass(frozen=True)
class AttackResult(Result):
    """One attacked photograph. All that is said of it was measured from its 8-bit file.

    Whatever takes a photograph takes the result itself, as its attacked photograph.

    Attributes:
        name: path of the photograph, or what stands for it.
        label: class that it shows, with its probability on the original.
        label_given: whether somebody said so; else it is what the classifier answers.
        target: class to be seen, with its probability on the original; None where untargeted.
        original: most probable class on the original.
        epsilon: bound, in steps of 1/255.
        attacked: what is seen in the attacked file.
        norm: infinity norm of what was added, in steps of 1/255.
        control: what is seen after uniform noise of the same bound.
        preprocessed_again: in the space ``input``, the most probable class when the attacked file, which is of the
            network's input size, is resized and cropped once more as any photograph is; else None.
        held_out: for a robust attack, how it and the plain one fare on draws neither has seen.
        gradients: number of gradients taken.
        reason: why the criterion was not met; None where it was.
        file: path of the attacked file; empty where none was kept.
        curve: what the last search met at each of its gradients: P(y_fool), and how steep it is.
        engine: who took the gradients, and in which precision; see :mod:`snellen.attacks.gradients`.
        source: what was attacked: the photograph, or in the space ``input`` the network's input.
        saved: attacked file or image.
    """

    name: str
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
    curve: tuple[CurvePoint, ...] = ()
    engine: str = ""
    source: ImageLike = field(default=b"", repr=False, compare=False, metadata=NOT_SERIALISED)
    saved: ImageLike = field(default=b"", repr=False, compare=False, metadata=NOT_SERIALISED)

    @property
    def correct(self) -> bool:
        """Whether the original was classified as its label."""
        return self.original.index == self.label.index

    @property
    def image(self) -> Image.Image:
        """The attacked photograph, as its 8-bit file holds it."""
        return open_photo(self.saved, "attack").image

    @property
    def pixels(self) -> Tensor:
        """The attacked photograph (1, 3, H, W), float32 in [0, 1], of 8-bit values."""
        return to_pixels(self.image)

    def plot(self) -> Figure:
        """The original, the noise, and both together."""
        from snellen.attacks.figures import draw_attacks

        return draw_attacks([self])

    def discussion(self) -> str:
        """What the attacked file shows, what the control does, and what that does not prove."""
        from snellen.attacks.discussion import discuss_attack

        return discuss_attack(self)


Save = Callable[[Image.Image, AttackExample], Source]
"""Keeps an attacked image as a lossless file, and says where it can be read back."""


def measure(state: PhotographState, save: Save) -> AttackResult:
    """Write the file, read it back, and say what is in it."""
    classifier, criterion, before = state.classifier, state.criterion, state.before
    space, epsilon = state.config.space, state.epsilon.steps
    image = Image.fromarray(state.attacked)
    file = save(image, state.example)
    verdict, norm = verify(classifier, file, state.original, criterion, space)
    preprocessed_again = None
    if space == "input":
        values = probabilities(classifier, image, "image")
        preprocessed_again = prediction(classifier, values, int(values.argmax()))
    return AttackResult(
        name=state.example.photo.name,
        label=prediction(classifier, before, criterion.label),
        label_given=state.example.label is not None,
        target=None if criterion.target is None else prediction(classifier, before, criterion.target),
        original=prediction(classifier, before, int(before.argmax())),
        epsilon=epsilon,
        attacked=verdict,
        norm=norm,
        control=judge(classifier, state.probabilities(uniform_noise(state.original, epsilon, state.seed)), criterion),
        preprocessed_again=preprocessed_again,
        held_out=_held_out(state) if state.plain is not None else (),
        gradients=state.gradients,
        reason=None if verdict.success else _reason(state, verdict, norm),
        file="" if isinstance(file, bytes) else str(file),
        curve=state.curve,
        engine=state.engine.name,
        source=Image.fromarray(state.original),
        saved=image,
    )


def _reason(state: PhotographState, verdict: Verdict, norm: int) -> str:
    epsilon, gradients = state.epsilon.steps, state.gradients
    if epsilon == 0:
        return "an epsilon of less than 1/255 leaves an 8-bit file as it is"
    if state.failure_reason is not None:
        return state.failure_reason
    before = state.criterion.confidence(state.before[None]).item()
    if norm == 0:
        return f"stalled: the criterion's probability is {before:.1e}, and {_why_unmoved(state)}"
    reached = verdict.target if verdict.target is not None else 1 - verdict.label
    if state.config.method == "gradient_ascent" and norm < epsilon:
        return (
            f"stalled: {gradients} steps used {norm} of {epsilon} allowed steps of 1/255 and "
            f"took the criterion's probability from {before:.1e} to {reached:.1e}"
        )
    return (
        f"budget too small: {gradients} gradients within {epsilon}/255 took the criterion's probability "
        f"from {before:.1e} to {reached:.1e}, below that of {verdict.top.label}"
    )


def _why_unmoved(state: PhotographState) -> str:
    """What is known of a search whose file is the original."""
    if state.config.step_size is not None:
        return (
            f"its gradient so small that {counted(state.gradients, 'step')} moved no value by half of 1/255; a larger "
            "step size, or the method apgd, may help"
        )
    # A robust search, and one through several networks, which keeps no curve, end where they stand; others at the best.
    if state.config.robust or not state.curve:
        return "the search ended where it began"
    return f"no step within {state.epsilon.steps}/255 raised the objective"


def _held_out(state: PhotographState) -> tuple[HeldOut, ...]:
    """The robust and the plain attack on draws that neither has seen."""
    assert state.plain is not None  # a robust attack makes a plain one first
    robust, plain = (
        held_out_successes(state.classifier, attacked, state.criterion, state.config.seed)
        for attacked in (state.attacked, state.plain)
    )
    return tuple(HeldOut(name, sum(met), sum(plain[name]), len(met)) for name, met in robust.items())


def held_out_successes(
    classifier: Classifier, attacked: Bytes, criterion: Criterion, seed: int
) -> dict[str, list[bool]]:
    """Whether the criterion is met under each of :func:`held_out_draws`, by the transform's name."""
    seen = SeenPhotograph(classifier.preprocessing, Photo("attacked", Image.fromarray(attacked)))
    successes: dict[str, list[bool]] = {}
    for name, strength, number in held_out_draws(seed):
        with torch.no_grad():
            inputs = seen.under((name, strength), torch.Generator().manual_seed(number))
            met = criterion.is_met(classifier.logits_from_inputs(inputs))
        successes.setdefault(name, []).append(bool(met[0]))
    return successes
