"""Robust accuracy: how many labelled photographs stand every attack of the standard ensemble within a bound."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from torch import Tensor

from snellen.attacks.balls import Balls, Norm, lengths
from snellen.attacks.config import epsilon_value
from snellen.attacks.fused import fused_classifier
from snellen.attacks.standard import (
    QUERIES,
    STEPS,
    Found,
    Logits,
    apgd,
    apgd_targeted,
    cross_entropy,
    fab_targeted,
    square,
)
from snellen.data.datasets.base import Example
from snellen.data.datasets.tree import last_change
from snellen.data.images import Failure, Source, pixels_from_bytes, read_image
from snellen.errors import ImageError, InputError
from snellen.intervals import Rate
from snellen.models.classifier import Classifier, check_classifier
from snellen.models.winograd import WinogradConvolutions
from snellen.runs.files import write_json
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance, fingerprint, versions
from snellen.runs.result import Result
from snellen.runs.serialise import read_dataclass

if TYPE_CHECKING:
    from matplotlib.figure import Figure

ATTACKS = ("apgd_ce", "apgd_t", "fab_t", "square")
"""The ensemble, in its order."""
BLACK_BOX = "square"
FOLDER = "robustness"
_PIXELS_OF_A_BATCH = 32 * 224 * 224
_MOST_OF_A_BATCH = 512
_UNBOUNDED = {"Linf": 0.5, "L2": 100.0}
_CHECKED_STEPS = 20


@dataclass(frozen=True)
class EnsembleConfig:
    """How robust accuracy is measured.

    Attributes:
        epsilons: bounds, such as ``4/255``, smallest first; of L2 plain numbers, in units of pixels.
        norm: ``Linf`` or ``L2``.
        steps: gradients of each gradient attack towards each class.
        queries: passes of the black-box attack.
        attacks: attacks of the ensemble, in the order in which they are run.
        seed: seed of everything that is drawn.

    Raises:
        InputError: a value that cannot be.
    """

    epsilons: tuple[str | float, ...] = ("4/255",)
    norm: Norm = "Linf"
    steps: int = STEPS
    queries: int = QUERIES
    attacks: tuple[str, ...] = ATTACKS
    seed: int = 0

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise InputError(f"`norm` is {self.norm!r}", " or ".join(get_args(Norm)))
        if self.steps < 1 or self.queries < 1:
            raise InputError(f"{self.steps} steps, {self.queries} queries", "at least 1")
        strange = [name for name in self.attacks if name not in ATTACKS]
        if strange or not self.attacks:
            raise InputError(f"no attack {strange[0]!r}" if strange else "no attack", ", ".join(ATTACKS))
        if not self.radii:
            raise InputError("no `epsilons`", "such as 4/255")
        if list(self.radii) != sorted(set(self.radii)):
            raise InputError(f"`epsilons` are {', '.join(map(str, self.epsilons))}", "each once, smallest first")

    @property
    def radii(self) -> tuple[float, ...]:
        """The bounds as numbers."""
        return tuple(epsilon_value(one, at_most=1.0 if self.norm == "Linf" else 100.0) for one in self.epsilons)


@dataclass(frozen=True)
class RobustPhotograph:
    """What became of one photograph.

    Attributes:
        image: image id in the data set.
        label: index of the true class.
        correct: whether it was classified correctly before any attack.
        epsilon: smallest of the bounds within which an attack succeeded; NaN where none did or it was wrong before.
        attack: attack that succeeded there; empty where none did.
        norm: norm of what that attack added.
        error: why it could not be read; empty where it could.
    """

    image: str
    label: int
    correct: bool = False
    epsilon: float = float("nan")
    attack: str = ""
    norm: float = float("nan")
    error: str = ""


@dataclass(frozen=True)
class RobustPoint:
    """One point of the security curve.

    Attributes:
        epsilon: the bound, as it was given.
        radius: the same as a number.
        accuracy: share of all photographs that are correct and stand every attack within it.
        felled: number of photographs that each attack was the first to fell, of those that stood within the bounds
            before.
    """

    epsilon: str
    radius: float
    accuracy: Rate
    felled: Mapping[str, int]


@dataclass(frozen=True)
class GradientCheck:
    """Signs of masked gradients, which make gradient attacks look weak (Athalye et al. 2018; Carlini et al. 2019).

    Attributes:
        zero_gradients: number of correct photographs whose gradient of the cross-entropy is zero or not a number.
        black_box_only: number that stood every gradient attack and fell to the black-box one.
        one_step_only: number that one gradient step fells and twenty do not.
        unbounded: share that twenty steps fell within a bound so wide that every photograph should fall.
        photographs: number of photographs that were checked.
    """

    zero_gradients: int
    black_box_only: int
    one_step_only: int
    unbounded: Rate
    photographs: int

    @property
    def suspicious(self) -> bool:
        """Whether any sign is there: then robust accuracy is likely to be overstated."""
        few = max(1, round(0.02 * self.photographs))
        wide = self.unbounded.n > 0 and self.unbounded.share < 0.98
        return self.zero_gradients > few or self.black_box_only > few or self.one_step_only > few or wide


@dataclass(frozen=True)
class RobustnessResult(Result):
    """Robust accuracy within one bound or several.

    Attributes:
        dataset: name of the data set.
        model: name of the model.
        sampled: one sentence on which photographs these are.
        config: how it was measured.
        n: number of photographs.
        clean: accuracy before any attack.
        points: the security curve, smallest bound first.
        check: signs of masked gradients.
        photographs: what became of each.
        failures: photographs that could not be read.
        seconds: time of the photographs that were attacked now.
        provenance: what makes it repeatable.
    """

    dataset: str
    model: str
    sampled: str
    config: EnsembleConfig
    n: int
    clean: Rate
    points: tuple[RobustPoint, ...]
    check: GradientCheck
    photographs: tuple[RobustPhotograph, ...]
    failures: tuple[Failure, ...]
    seconds: float
    provenance: Provenance

    def plot(self) -> Figure:
        """The security curve."""
        from snellen.attacks.figures import draw_robust_accuracy

        return draw_robust_accuracy(self)

    def discussion(self) -> str:
        """How many photographs stand, whether the attacks can be believed, and what that does not prove."""
        from snellen.attacks.discussion import discuss_robust_accuracy

        return discuss_robust_accuracy(self)


def robust_accuracy(
    classifier: Classifier,
    photographs: Iterable[tuple[Example, int]],
    config: EnsembleConfig | None = None,
    *,
    dataset: str = "",
    sampled: str = "",
    data: str = "",
    out: str | Path | None = None,
    progress: Progress = SILENT,
) -> RobustnessResult:
    """Attack labelled photographs with the standard ensemble; each that falls is attacked no more.

    Everything happens on the network's input, with floats that no file need hold, as in the literature. What an attack
    claims counts only where the classifier itself, in float32, agrees and the norm is kept.

    Args:
        classifier: classifier under attack.
        photographs: photographs with the indices of their true classes.
        config: how.
        dataset: name of the data set, for the result.
        sampled: which photographs of it these are, for the result.
        data: fingerprint of the photographs; without it nothing is resumed.
        out: run folder, where finished batches are kept.
        progress: told of each photograph.

    Raises:
        InputError: no photograph can be read.
    """
    check_classifier(classifier, "robust_accuracy")
    config = config or EnsembleConfig()
    key = fingerprint(repr((classifier.cache_key(), config, data, versions().get("snellen"))))
    folder = None if out is None or not data else Path(out) / FOLDER
    ensemble = _Ensemble(classifier, config)
    batches: list[_Batch] = []
    seconds = 0.0
    for number, pairs in enumerate(_in_batches(photographs, ensemble.batch)):
        path = None if folder is None else folder / f"batch-{number:06}.json"
        of_batch = fingerprint(repr((key, [(one.name, label, _state(one.source)) for one, label in pairs])))
        batch = _read_batch(path, of_batch)
        if batch is None:
            started = time.perf_counter()
            batch = _Batch(of_batch, *ensemble.run(pairs))
            seconds += time.perf_counter() - started
            if path is not None:
                write_json(path, batch)
        batches.append(batch)
        progress.advance(len(pairs))
    every = tuple(one for batch in batches for one in batch.photographs)
    read = tuple(one for one in every if not one.error)
    failures = tuple(Failure(one.image, one.error) for one in every if one.error)
    if not read:
        raise InputError(f"no photograph can be read: {failures[0].error if failures else 'there is none'}")
    return RobustnessResult(
        dataset=dataset,
        model=classifier.name,
        sampled=sampled,
        config=config,
        n=len(read),
        clean=Rate.of(one.correct for one in read),
        points=tuple(_points(read, config)),
        check=_check(read, batches, config),
        photographs=read,
        failures=failures,
        seconds=seconds,
        provenance=classifier.provenance(data, seed=config.seed),
    )


@dataclass(frozen=True)
class _Signs:
    """Signs of masked gradients in one batch."""

    zero_gradients: int = 0
    one_step_only: int = 0
    unbounded: int = 0
    checked: int = 0


@dataclass(frozen=True)
class _Batch:
    """What became of some photographs, as it is kept; ``key`` stands for all that decides it."""

    key: str
    photographs: tuple[RobustPhotograph, ...]
    signs: _Signs = field(default_factory=_Signs)


def _state(source: Source) -> str | int:
    """What tells whether a photograph is the one that was seen before: its bytes, or when its file was written to."""
    return fingerprint(source) if isinstance(source, bytes) else last_change(Path(source))


def _read_batch(path: Path | None, key: str) -> _Batch | None:
    if path is None:
        return None
    try:
        batch = read_dataclass(_Batch, path)
    except InputError:
        return None
    return batch if batch.key == key else None


def _in_batches(photographs: Iterable[tuple[Example, int]], size: int) -> Iterator[list[tuple[Example, int]]]:
    batch: list[tuple[Example, int]] = []
    for pair in photographs:
        batch.append(pair)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


class _Ensemble:
    """The attacks, one after another, on those photographs of a batch that still stand."""

    def __init__(self, classifier: Classifier, config: EnsembleConfig) -> None:
        self._classifier = classifier
        self._config = config
        self._fast = fused_classifier(classifier, "float32")
        height, width = classifier.preprocessing.size
        self.batch = max(1, min(_MOST_OF_A_BATCH, _PIXELS_OF_A_BATCH // (height * width)))

    def run(self, pairs: Sequence[tuple[Example, int]]) -> tuple[tuple[RobustPhotograph, ...], _Signs]:
        """What becomes of some photographs."""
        outcomes: dict[int, RobustPhotograph] = {}
        inputs: list[Tensor] = []
        rows: list[int] = []
        for row, (example, label) in enumerate(pairs):
            try:
                image = read_image(example.source)
            except ImageError as error:
                outcomes[row] = RobustPhotograph(example.name, label, error=str(error))
                continue
            outcomes[row] = RobustPhotograph(example.name, label)
            inputs.append(pixels_from_bytes(self._classifier.preprocessing.preprocess_image(image)))
            rows.append(row)
        signs = _Signs()
        if rows:
            points, classes = torch.cat(inputs), torch.tensor([pairs[row][1] for row in rows])
            found, signs = self._attack(points, classes)
            for row, (correct, epsilon, attack, norm) in zip(rows, found, strict=True):
                example, label = pairs[row]
                outcomes[row] = RobustPhotograph(example.name, label, correct, epsilon, attack, norm)
        return tuple(outcomes[row] for row in range(len(pairs))), signs

    def _attack(self, points: Tensor, classes: Tensor) -> tuple[list[tuple[bool, float, str, float]], _Signs]:
        """For each photograph: whether it was correct, the bound it fell within, to which attack, and its norm."""
        with torch.no_grad():
            correct = self._exact(points).argmax(dim=1) == classes
        outcome = [(bool(right), float("nan"), "", float("nan")) for right in correct]
        standing = correct.nonzero().squeeze(1)
        signs = self._signs(points[standing], classes[standing]) if len(standing) else _Signs()
        for radius in self._config.radii:
            for number, name in enumerate(self._config.attacks):
                if not len(standing):
                    break
                balls = Balls(points[standing], radius, self._config.norm)
                found = self._run(name, number, balls, classes[standing])
                norms = lengths(found.points - balls.centres, self._config.norm).view(-1)
                for row, norm in zip(standing[found.fallen].tolist(), norms[found.fallen].tolist(), strict=True):
                    outcome[row] = (True, radius, name, norm)
                standing = standing[~found.fallen]
        return outcome, signs

    def _run(self, name: str, number: int, balls: Balls, classes: Tensor) -> Found:
        """One attack; where the classifier does not agree with its faster copy, the attack again on itself."""
        seed = self._config.seed + number
        claimed = self._attack_of(name, self._logits)(balls, classes, torch.Generator().manual_seed(seed))
        claims = claimed.fallen.clone()
        found = self._confirmed(balls, classes, claimed)
        rows = (claims & ~found.fallen).nonzero().squeeze(1)
        if len(rows):
            some, own = balls.take(rows), torch.Generator().manual_seed(seed)
            again = self._confirmed(some, classes[rows], self._attack_of(name, self._exact)(some, classes[rows], own))
            found.take(rows[again.fallen], again.points[again.fallen])
        return found

    def _attack_of(self, name: str, logits: Logits) -> Callable[[Balls, Tensor, torch.Generator], Found]:
        steps, queries = self._config.steps, self._config.queries
        attacks: Mapping[str, Callable[[Balls, Tensor, torch.Generator], Found]] = {
            "apgd_ce": lambda balls, classes, draw: apgd(logits, balls, classes, cross_entropy(classes), draw, steps),
            "apgd_t": lambda balls, classes, draw: apgd_targeted(logits, balls, classes, draw, steps),
            "fab_t": lambda balls, classes, _: fab_targeted(logits, balls, classes, steps),
            "square": lambda balls, classes, draw: square(logits, balls, classes, draw, queries),
        }
        return attacks[name]

    def _logits(self, points: Tensor) -> Tensor:
        with WinogradConvolutions():
            return self._fast.logits_from_inputs(points).cpu()

    def _exact(self, points: Tensor) -> Tensor:
        return self._classifier.logits_from_inputs(points).cpu()

    def _confirmed(self, balls: Balls, classes: Tensor, found: Found) -> Found:
        """What was found, where the classifier itself agrees and the bound is kept."""
        rows = found.fallen.nonzero().squeeze(1)
        if len(rows):
            with torch.no_grad():
                wrong = self._exact(found.points[rows]).argmax(dim=1) != classes[rows]
            within = lengths(found.points[rows] - balls.centres[rows], balls.norm).view(-1) <= balls.radius * (1 + 1e-5)
            found.fallen[rows] = wrong & within
        return found

    def _signs(self, points: Tensor, classes: Tensor) -> _Signs:
        """Signs of masked gradients in the photographs that are correct."""
        rows = torch.arange(len(classes))
        tracked = points.clone().requires_grad_()
        loss = cross_entropy(classes)(self._logits(tracked), rows)
        (gradients,) = torch.autograd.grad(loss.sum(), tracked)
        sizes = gradients.flatten(1).abs().amax(dim=1)
        radius = self._config.radii[-1]

        def felled(bound: float, steps: int) -> Tensor:
            balls = Balls(points, bound, self._config.norm)
            generator = torch.Generator().manual_seed(self._config.seed)
            return apgd(self._logits, balls, classes, cross_entropy(classes), generator, steps).fallen

        once, often = felled(radius, 1), felled(radius, _CHECKED_STEPS)
        return _Signs(
            zero_gradients=int((~(sizes > 0)).sum()),
            one_step_only=int((once & ~often).sum()),
            unbounded=int(felled(_UNBOUNDED[self._config.norm], _CHECKED_STEPS).sum()),
            checked=len(classes),
        )


def _points(photographs: Sequence[RobustPhotograph], config: EnsembleConfig) -> Iterator[RobustPoint]:
    for given, radius in zip(config.epsilons, config.radii, strict=True):
        stand = [one.correct and not one.epsilon <= radius for one in photographs]
        felled = {
            name: sum(one.attack == name and bool(np.isclose(one.epsilon, radius)) for one in photographs)
            for name in config.attacks
        }
        yield RobustPoint(str(given), radius, Rate.of(stand), felled)


def _check(photographs: Sequence[RobustPhotograph], batches: Sequence[_Batch], config: EnsembleConfig) -> GradientCheck:
    signs = [batch.signs for batch in batches]
    checked = sum(one.checked for one in signs)
    return GradientCheck(
        zero_gradients=sum(one.zero_gradients for one in signs),
        # Of those that were asked first an attack that sees gradients had failed.
        black_box_only=sum(one.attack == BLACK_BOX for one in photographs) if config.attacks[0] != BLACK_BOX else 0,
        one_step_only=sum(one.one_step_only for one in signs),
        unbounded=Rate.of_count(sum(one.unbounded for one in signs), checked),
        photographs=checked,
    )
