"""Does it carry over? What attacked files, made for one network, do to others that the attack never saw."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from snellen.attacks.result import AttackResult
from snellen.data.images import open_photo
from snellen.errors import InputError
from snellen.intervals import Rate
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction, probabilities_of, top_prediction


@dataclass(frozen=True)
class CarriedOver:
    """What another network sees in one photograph and in its attacked file.

    Attributes:
        name: path of the photograph.
        original: most probable class on the original.
        attacked: most probable class on the attacked file.
        label_given: whether somebody said what it shows; else its label is what this network sees in the original,
            whatever the attacked one saw.
        correct: whether the original is classified as its label; None where nobody said what it shows, or the network
            has no class of that name.
        changed: whether the file is not classified as the label; None where the network has no such class.
        success: whether the attack's criterion is met: the target seen, or, untargeted, the label not; None where the
            network has no such class, or where the target is what it saw in the original and nobody said more.
    """

    name: str
    original: Prediction
    attacked: Prediction
    label_given: bool
    correct: bool | None
    changed: bool | None
    success: bool | None


@dataclass(frozen=True)
class CarryOver:
    """What the files of a run do to one other network.

    Attributes:
        model: its name.
        photographs: what it sees in each.
        correct: rate of originals that it classifies correctly; those without a class of its own are not counted, nor
            those of which nobody said what they show.
        changed: among the correct ones and those of which nobody said, rate of files whose label it no longer sees.
        success: among these, rate of files that meet the attack's criterion.
    """

    model: str
    photographs: tuple[CarriedOver, ...]
    correct: Rate
    changed: Rate
    success: Rate


def carry_over(attacks: Sequence[AttackResult], other: Classifier) -> CarryOver:
    """Show the originals and the attacked files of some attacks to another network.

    Classes are found in the other network by their names. Where nobody said what a photograph shows, the attacked
    network's answer is no truth for the other one: its own answer to the original takes the label's place.

    Args:
        attacks: attacks whose files are kept; in the space ``image``, since a network's input is nobody else's.
        other: network that the attacks did not use.
    """
    photographs = tuple(_carried(attack, other) for attack in attacks)
    judged = [one for one in photographs if one.changed is not None and one.correct is not False]
    return CarryOver(
        model=other.name,
        photographs=photographs,
        correct=Rate.of(bool(one.correct) for one in photographs if one.correct is not None),
        changed=Rate.of(bool(one.changed) for one in judged),
        success=Rate.of(bool(one.success) for one in judged if one.success is not None),
    )


def _carried(attack: AttackResult, other: Classifier) -> CarriedOver:
    before, after = (
        top_prediction(other, probabilities_of(other, open_photo(image, "attack").image))
        for image in (attack.source, attack.saved)
    )
    given = attack.label_given
    label = _index(other, attack.label.label) if given else before.index
    correct = before.index == label if given and label is not None else None
    changed = None if label is None else after.index != label
    success = changed
    if attack.target is not None:
        target = _index(other, attack.target.label)
        met_before = not given and target == before.index
        success = None if target is None or met_before else after.index == target
    return CarriedOver(attack.name, before, after, given, correct, changed, success)


def _index(classifier: Classifier, name: str) -> int | None:
    """The index of the class of that name; None where there is none."""
    try:
        return classifier.labels.find(name)
    except InputError:
        return None
