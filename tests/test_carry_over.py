"""What attacked files do to other networks: by hand on toys, and one real file by the command."""

import csv
from pathlib import Path

import pytest
import torch

from evaluation_toys import COLOURS, colour_classifier, pure
from snellen.attacks.attack import attack, png_bytes
from snellen.attacks.carry_over import carry_over
from snellen.attacks.config import AttackConfig
from snellen.attacks.discussion import discuss_carry_over
from snellen.attacks.ensemble import _diverse, ensemble_steps
from snellen.attacks.files import write_carry_over
from snellen.attacks.state import AttackExample
from snellen.data.images import open_photo
from snellen.errors import InputError
from snellen.intervals import Rate
from transfer_toys import encoded

NEAR = encoded((140, 128, 128))
"""Red, by 12 of 255."""


def swapped():
    """Sees green where the others see red: it has all wrong before any attack."""
    return colour_classifier(("green", "red", "blue"), name="swapped")


def test_carried_over_by_hand(tmp_path: Path) -> None:
    attacks = attack(colour_classifier(), [NEAR, encoded(pure(0))], None, "8/255", label="red")
    assert [one.attacked.success for one in attacks] == [True, False]
    twin = carry_over(attacks, colour_classifier(scale=2.0, name="twin"))
    assert twin.correct == Rate.of_count(2, 2)
    assert (twin.changed, twin.success) == (Rate.of_count(1, 2), Rate.of_count(1, 2))
    other = carry_over(attacks, swapped())
    assert (other.correct.count, other.changed.n) == (0, 0)  # nothing that was right could be fooled
    stranger = carry_over(attacks, colour_classifier(("a", "b", "c"), name="stranger"))
    assert {one.correct for one in stranger.photographs} == {None}
    assert stranger.correct.n == 0
    write_carry_over([twin, stranger], tmp_path)
    rows = list(csv.DictReader((tmp_path / "also.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["model"], row["success"]) for row in rows] == [
        ("twin", "True"), ("twin", "False"), ("stranger", ""), ("stranger", ""),
    ]  # fmt: skip
    assert "twin, which the attack never saw, has 100% (2 of 2" in discuss_carry_over(twin)
    assert discuss_carry_over(other).endswith(
        "has 0% (0 of 2; 95% interval 0% to 66%) of the originals right, so there is nothing to fool."
    )
    assert "has no class of the originals' names" in discuss_carry_over(stranger)


def test_without_a_label_the_first_networks_answer_is_no_truth(tmp_path: Path) -> None:
    """Of another network that sees something else in the originals its own answers are what can be lost."""
    unsaid = attack(colour_classifier(), [NEAR, encoded(pure(0))], None, "8/255")
    other = carry_over(unsaid, swapped())
    assert [one.original.label for one in other.photographs] == ["green", "green"]
    assert [(one.label_given, one.correct, one.changed) for one in other.photographs] == [
        (False, None, True), (False, None, False),
    ]  # fmt: skip
    assert other.correct.n == 0
    assert (other.changed, other.success) == (Rate.of_count(1, 2), Rate.of_count(1, 2))
    rates = "50% (1 of 2; 95% interval 9% to 91%)"
    assert discuss_carry_over(other) == (
        "swapped, which the attack never saw, is shown files of which nobody said what they show, so what it sees in "
        f"the original counts as their class: {rates} are no longer seen as their class and {rates} meet the criterion."
    )
    said = attack(colour_classifier(), [NEAR], None, "8/255", label="red")
    both = discuss_carry_over(carry_over([*said, *unsaid[1:]], colour_classifier(name="twin")))
    assert "has 1 of 1 of the originals right; of one more nobody said what they show, so what it sees" in both
    assert "Of all these files, 50% (1 of 2" in both
    write_carry_over([other], tmp_path)
    rows = list(csv.DictReader((tmp_path / "also.csv").read_text(encoding="utf-8").splitlines()))
    assert [(row["label_given"], row["correct"], row["changed"]) for row in rows] == [
        ("False", "", "True"), ("False", "", "False"),
    ]  # fmt: skip
    # What it saw before any attack is no success of one.
    towards = attack(colour_classifier(), [NEAR], "green", "8/255")
    assert [one.success for one in carry_over(towards, swapped()).photographs] == [None]


def test_an_ensemble_moves_each_network_from_its_own_answer() -> None:
    """What the first calls red the second calls green: both are led away from it, neither from its name for another."""
    example = AttackExample(open_photo(NEAR))
    config = AttackConfig(None, "12/255", steps=20)
    *_, (_, result) = ensemble_steps([colour_classifier(), swapped()], [example], config, png_bytes)
    assert result.attacked.success
    assert carry_over([result], swapped()).success == Rate.of_count(1, 1)
    # Away from its "red" the second would have lowered the middle channel.
    red, *others = (255 * result.pixels.mean(dim=(0, 2, 3))).round().tolist()
    assert (red, others) == (128, [140, 140])


def test_one_file_for_two_networks() -> None:
    """The second network hardly sees green, so that only a file with more blue and less red fools both."""
    weights = torch.diag(torch.tensor([1.0, 0.5, 1.0]))
    first, second = colour_classifier(name="first"), colour_classifier(name="second")
    with torch.no_grad():
        second.network.classifier.weight.copy_(4 * weights)
    config = AttackConfig(None, "12/255", steps=20)
    example = AttackExample(open_photo(NEAR), 0)
    *steps, (_, result) = ensemble_steps([first, second], [example], config, png_bytes)
    assert [reached for _, reached in steps] == list(range(1, 21))
    assert (result.attacked.success, result.gradients) == (True, 40)
    assert result.norm <= 12
    both = carry_over([result], second)
    assert both.success == Rate.of_count(1, 1)
    # A network without such a class takes no part.
    *_, (_, alone) = ensemble_steps([first, colour_classifier(("a", "b", "c"))], [example], config, png_bytes)
    assert alone.gradients == 20


def test_diversity_stays_in_its_frame() -> None:
    pixels = torch.full((1, 3, 20, 30), 0.5)
    generator = torch.Generator().manual_seed(0)
    drawn = [_diverse(pixels, generator) for _ in range(40)]
    assert {tuple(one.shape) for one in drawn} == {(1, 3, 20, 30)}
    assert 5 < sum(one is pixels for one in drawn) < 25
    assert all(0.7 < (one > 0).float().mean() <= 1 for one in drawn)


@pytest.mark.parametrize("options", [{"epsilon": "min"}, {"robust": True}, {"method": "gradient_ascent"}])
def test_what_an_ensemble_cannot_do(options) -> None:
    config = AttackConfig(COLOURS[1], **options)
    with pytest.raises(InputError, match="an attack on an `ensemble` has its own method"):
        next(ensemble_steps([colour_classifier()], [], config, png_bytes))


def test_the_command(imagenet, tmp_path: Path, snellen_command) -> None:
    run = snellen_command(
        "attack", imagenet[3], "--untargeted", "--steps", 5, "--out", tmp_path, "--ensemble", "tf_efficientnet_lite1",
        "--epsilon", "8/255",
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert "tf_efficientnet_lite1, which the attack used, has " in run.stdout
    assert (tmp_path / "also.csv").is_file()
