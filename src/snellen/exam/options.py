"""What a configuration's tables say of single parts."""

from __future__ import annotations

from dataclasses import dataclass

from snellen.attacks.config import Method
from snellen.data.datasets.digits import DIGITS
from snellen.errors import InputError
from snellen.transfer.linear import ClassifierKind


@dataclass(frozen=True)
class FeatureOptions:
    """The table ``[features]``.

    Attributes:
        layers: names of layers whose maps are shown, as ``snellen layers`` lists them; empty takes one each from early,
            the middle and late.
        channels: their numbers, the same in every layer; empty leaves the choice of five to Snellen.
    """

    layers: tuple[str, ...] = ()
    channels: tuple[int, ...] = ()


@dataclass(frozen=True)
class ProbeOptions:
    """The table ``[probe]``.

    Attributes:
        classifier: ``logistic``, ``svm`` or ``ridge``.
    """

    classifier: ClassifierKind = "logistic"


@dataclass(frozen=True)
class AttackOptions:
    """The table ``[attack]``.

    Attributes:
        method: ``apgd``, or ``gradient_ascent``, the assignment's own update rule.
        robust: whether the attack is to survive mirror, crop, rotation and grayscale; with ``apgd`` only.
    """

    method: Method = "apgd"
    robust: bool = False

    def __post_init__(self) -> None:
        if self.robust and self.method != "apgd":
            raise InputError("a robust attack has its own method", 'method = "apgd", or no robust')


@dataclass(frozen=True)
class TrainingOptions:
    """The table ``[training]``.

    Attributes:
        dataset: images to train networks on from scratch, named as a ``dataset`` is.
        epochs: passes over them, in place of each recipe's own.
    """

    dataset: str = DIGITS
    epochs: int | None = None

    def __post_init__(self) -> None:
        if self.epochs is not None and self.epochs < 1:
            raise InputError(f"epochs is {self.epochs}", "at least 1")
