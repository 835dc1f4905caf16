"""The stress test's numbers, its chart, and what is said of them."""

import csv
import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from PIL import Image
from scipy import fft

import snellen
from linear_toys import linear_classifier, photograph
from snellen.data.images import Failure, Photo, to_image
from snellen.data.photographs import bundled_photographs
from snellen.data.transforms import ASSIGNMENT, TRANSFORMS, all_transforms, apply_transform, assignment_transforms
from snellen.errors import ImageError, InputError, ModelError
from snellen.exam.object_crop import Box, ObjectCrop, Seen, box_with, object_crop, share_within
from snellen.exam.parts.stress import _about_crop, _about_letters, _table
from snellen.exam.report.html import _all_numbers
from snellen.models.predictions import Prediction
from snellen.prose import listed
from snellen.robustness.discussion import discuss, headline, reasons
from snellen.robustness.figures import draw_stress, draw_transforms
from snellen.robustness.files import stress_files, to_csv, write_results
from snellen.robustness.report import stress_report
from snellen.robustness.spectrum import high_frequency_energy
from snellen.robustness.stress import Outcome, StressResult, stress_pair
from snellen.runs.progress import Progress
from toys import MeanColours, classifier_of

FILES = {"stress.json", "stress.csv", "acuity.png", "stress.png", "transforms.png"}


def test_energy_at_high_frequencies() -> None:
    checkered = torch.ones(1, 1, 8, 8)
    checkered[..., ::2, 1::2] = checkered[..., 1::2, ::2] = -1
    smooth = torch.cos(2 * torch.pi * torch.arange(8) / 8).expand(1, 1, 8, 8)
    assert high_frequency_energy(checkered).item() == pytest.approx(64)
    assert high_frequency_energy(smooth).item() == pytest.approx(0, abs=1e-9)
    assert high_frequency_energy(3 * checkered + smooth + 1).item() == pytest.approx(9 * 64)
    noise = np.random.default_rng(0).normal(size=(2, 3, 9, 12))
    down, across = fft.fftfreq(9)[:, None], fft.fftfreq(12)[None]
    spectrum = fft.fft2(noise) * (np.hypot(down, across) >= 0.25)
    theirs = (fft.ifft2(spectrum).real ** 2).sum(axis=(1, 2, 3))
    assert np.allclose(high_frequency_energy(torch.from_numpy(noise)), theirs)


def test_outcomes_are_the_classifiers() -> None:
    classifier = linear_classifier(4, scale=0.2)
    pixels = photograph(1, 12, 10)
    stressed = snellen.stress(classifier, pixels, label="class c")
    assert [(o.transform, o.strength) for o in stressed.outcomes] == list(all_transforms())
    for outcome in (stressed.before, *stressed.outcomes):
        transformed = apply_transform(pixels, (outcome.transform, outcome.strength))
        probabilities = classifier.logits(transformed).softmax(dim=1)[0]
        assert outcome.top.index == probabilities.argmax()
        assert outcome.top.probability == pytest.approx(probabilities.max().item(), abs=1e-5)
        assert outcome.label_probability == pytest.approx(probabilities[2].item(), abs=1e-5)
        assert outcome.target_probability is None
        assert outcome.high_frequency_kept is None
        seen = stressed.before.top.index
        others = torch.cat((probabilities[:seen], probabilities[seen + 1 :])).max()
        assert outcome.margin == pytest.approx((probabilities[seen] - others).item(), abs=1e-5)
    assert stressed.label == 2
    assert not stressed.attacked
    assert stressed.before.title == "as it is"
    assert stressed.outcome("rotation", 30.0).title == "rotation by 30°"


def test_with_an_original() -> None:
    classifier = linear_classifier(3, scale=0.2)
    original = photograph(2)
    label = int(classifier.logits(original).argmax())
    found = snellen.attack(classifier, original, (label + 1) % 3, "30/255")
    attacked, clean = stress_pair(classifier, Photo("attacked", found.pixels), Photo("original", original))
    assert attacked == dataclasses.replace(snellen.stress(classifier, found, original), image="attacked")
    assert attacked.attacked
    assert attacked.before.top.index == (label + 1) % 3
    assert attacked.label == clean.label == label
    assert attacked.before.high_frequency_kept == pytest.approx(1)
    assert attacked.before.target_probability == attacked.before.top.probability
    mirror = attacked.outcome("mirror", 1.0)
    assert mirror.high_frequency_kept == pytest.approx(1)
    assert attacked.outcome("blur", 3.0).high_frequency_kept < 1
    assert attacked.keeps(mirror) == (mirror.top.index == attacked.before.top.index)
    assert clean == dataclasses.replace(snellen.stress(classifier, original), image="original")
    with pytest.raises(ImageError, match="10 x 12 pixels, original 9 x 12 .*one size"):
        snellen.stress(classifier, photograph(2, 12, 10), photograph(2, 12, 9))


def test_one_or_many_photographs(tmp_path: Path) -> None:
    classifier = linear_classifier(4, scale=0.2)
    (tmp_path / "bad.png").write_bytes(b"?")
    to_image(photograph(1, 12, 10)).save(tmp_path / "one.png")
    stages, done = [], []

    class Told(Progress):
        def begin(self, stage, total=None) -> None:
            stages.append((stage, total))

        def advance(self, count=1, **metrics) -> None:
            done.append((count, metrics))

    image = Image.open(tmp_path / "one.png")
    many = [tmp_path / "one.png", str(tmp_path / "bad.png"), image, np.asarray(image)]
    first, bad, *others = snellen.stress(classifier, many, transforms=[("rotation", 3.0)], progress=Told())
    assert (stages, done) == ([("Transforming", 4)], [(1, {})] * 4)
    assert first.image == str(tmp_path / "one.png")
    assert isinstance(bad, Failure)
    assert "not an image" in bad.error
    assert [one.outcomes for one in others] == [first.outcomes] * 2
    assert [outcome.strength for outcome in first.outcomes] == [3.0]
    pair = snellen.stress(classifier, [first.thumbnail] * 2, original=many[2:], transforms=[("blur", 1.0)])
    assert [one.attacked for one in pair] == [True, True]
    with pytest.raises(ImageError, match="not an image"):
        snellen.stress(classifier, many[1])
    with pytest.raises(InputError, match="4 photographs, 1 originals"):
        snellen.stress(classifier, many, original=image)
    with pytest.raises(InputError, match="no transform named 'spin'"):
        snellen.stress(classifier, image, transforms=[("spin", 1.0)])


def test_a_result_explains_itself_whatever_it_was_put_to() -> None:
    classifier = linear_classifier(4, scale=0.2)
    stressed = snellen.stress(classifier, photograph(1), transforms=[("blur", 1.0), ("noise", 8.0)])
    assert len(stressed.plot().axes) == 3
    assert "does not prove" in stressed.discussion()
    assert set(stressed.to_dict()) == {"image", "attacked", "label", "before", "outcomes"}
    assert stressed._repr_png_().startswith(b"\x89PNG")
    assert [line.transform for line in snellen.acuity(stressed).clean] == ["blur", "noise"]
    with pytest.raises(InputError, match="was not put to mirror at 1"):
        stressed.outcome("mirror", 1.0)


def test_an_attack_that_changed_nothing_has_no_energy_to_lose() -> None:
    classifier, still, other = linear_classifier(), photograph(2), photograph(3)
    stressed = snellen.stress(classifier, still, still)
    assert all(np.isnan(outcome.high_frequency_kept) for outcome in stressed.outcomes)
    text = stressed.discussion()
    assert "fine detail" not in text
    assert text.startswith("The attack did not fool ")
    moved = snellen.stress(classifier, other, photograph(4), label=0)
    assert moved.before.top.index != 0
    both = discuss([dataclasses.replace(stressed, image="still.png"), dataclasses.replace(moved, image="moved.png")])
    assert "nan" not in both
    assert "did not fool still" in both
    # What becomes of the noise is of the one that has some.
    assert both.count("its fine detail") == moved.discussion().count("its fine detail") > 0


def test_the_chart() -> None:
    classifier = linear_classifier(4, scale=0.2)
    one = snellen.stress(classifier, photograph(1))
    lines = snellen.acuity(one).clean
    assert [line.transform for line in lines] == list(TRANSFORMS)
    for line in lines:
        assert line.strengths == TRANSFORMS[line.transform].ladder
        kept = [one.outcome(line.transform, s).top.index == one.label for s in line.strengths]
        assert [rate.count for rate in line.kept] == kept
        assert line.changes_at == next((s for s, k in zip(line.strengths, kept, strict=True) if not k), None)
    both = snellen.acuity([one, snellen.stress(classifier, photograph(2))])
    assert all(rate.n == 2 for line in both.clean for rate in line.kept)
    assert all(line.changes_at is None for line in both.clean)
    assert both.attacked == ()
    assert both.discussion().startswith("The mildest strengths")
    staying = [line.transform for line in both.clean if min(rate.count for rate in line.kept) == 2]
    named = listed(staying).replace("jpeg", "JPEG")
    assert staying
    assert both.discussion().endswith(f" At every strength tried more than half keep it under {named}.")
    assert "One photograph of 4 is 25 points, and the share need not fall steadily." in _about_letters(4)
    assert "points" not in _about_letters(1)
    with pytest.raises(InputError, match="no photographs"):
        snellen.acuity([]).plot()


def test_figures_draw_what_they_are_given() -> None:
    classifier = linear_classifier(4, scale=0.2)
    one = snellen.stress(classifier, photograph(1, 20, 30))
    attacked = snellen.stress(classifier, photograph(1, 20, 30), photograph(2, 20, 30))
    titles = [axes.get_title() for axes in draw_stress([one]).axes]
    assert titles[0].startswith(one.before.top.label)
    assert [title.split("\n")[0] for title in titles[1:]] == [
        one.outcome(*transform).top.label for transform in assignment_transforms()
    ]
    chart = snellen.acuity([one, attacked]).plot()
    assert [axes.get_title(loc="left") for axes in chart.axes] == [
        "clean: is the class kept?",
        "attacked: is the attack's class kept?",
    ]
    letters = sum(text.get_text() == "E" for text in chart.axes[0].texts)
    assert letters == len(all_transforms())
    assert len(draw_transforms(one.thumbnail).axes) == 1 + len(TRANSFORMS)


def test_a_batch_with_a_bad_photograph(tmp_path: Path) -> None:
    paths = []
    for number in range(2):
        paths.append(str(tmp_path / f"{number}.png"))
        to_image(photograph(number, 12, 10)).save(paths[-1])
    (tmp_path / "bad.png").write_bytes(b"?")
    result = stress_files(linear_classifier(3), [paths[0], str(tmp_path / "bad.png"), paths[1]])
    assert [one.image for one in result.photographs] == paths
    assert "not an image" in result.failures[0].error
    rows = list(csv.DictReader(io.StringIO(to_csv(result))))
    assert len(rows) == 2 * (1 + len(all_transforms())) + 1
    assert rows[0]["kept"] == "True"
    write_results(result, tmp_path / "out")
    assert all((tmp_path / "out" / name).stat().st_size > 0 for name in FILES)
    assert json.loads((tmp_path / "out" / "stress.json").read_text(encoding="utf-8"))["photographs"][0]["label"] >= 0
    assert stress_files(linear_classifier(3), [str(tmp_path / "bad.png")]).discussion() == ""
    with pytest.raises(InputError, match="2 photographs, 1 originals"):
        stress_files(linear_classifier(3), paths, paths[:1])


CLASSES = ("cat", "lynx", "shuttle")


def told(attacked: bool, seen: str, fine: dict[str, float] | None = None, **under: str) -> StressResult:
    """A cat, or an attack that makes a shuttle of one, and what is seen of it under transforms."""

    def outcome(name: str, strength: float, label: str) -> Outcome:
        kept = (fine or {}).get(name, 1.0) if attacked else None
        return Outcome(name, strength, Prediction(label, CLASSES.index(label), 0.9), 0.1, 0.9, 0.8, kept)

    outcomes = (outcome(name, ASSIGNMENT.get(name, 0.2), label) for name, label in under.items())
    thumbnail = Image.new("RGB", (2, 2), "orange")
    runner_up = Prediction("lynx", 1, 0.05)
    return StressResult("tom.png", attacked, 0, outcome("", 0.0, seen), tuple(outcomes), thumbnail, runner_up)


def test_what_the_clean_photograph_does_too_is_not_laid_at_the_attack_s_door() -> None:
    attacked = told(True, "shuttle", rotation="lynx", grayscale="lynx")
    moved = told(False, "cat", rotation="lynx", grayscale="lynx")
    still = told(False, "cat", rotation="cat", grayscale="cat")
    alike, apart, alone = (discuss([attacked], originals) for originals in ([moved], [still], []))
    assert "The attack is undone by the rotation and grayscale." in alike
    assert "a third class wins each time, the same as without the attack." in alike
    assert "it undoes the attack, where the clean photograph loses its class as well." in alike
    assert "it undoes the attack, where the clean photograph keeps its class." in apart
    assert "without the attack" not in apart + alone
    assert "Tom: the rotation and grayscale make it a lynx, as without the attack." in alike
    assert "make it a lynx, the clean photograph's own second guess." in apart
    assert "make it a lynx." in alone
    assert "clean photograph" not in alone


def test_the_discussion_of_several_counts_and_reasons() -> None:
    """What undid which attack, by how much, and why: from outcomes that are written down here."""
    gone = told(True, "shuttle", {"grayscale": 0.3}, mirror="cat", crop="cat", rotation="lynx", grayscale="cat")
    kept = told(True, "shuttle", {"grayscale": 0.7}, mirror="cat", crop="cat", rotation="cat", grayscale="shuttle")
    clean = told(False, "cat", mirror="cat", crop="cat", rotation="cat", grayscale="cat")
    gray = dataclasses.replace(clean, thumbnail=Image.new("RGB", (2, 2), "gray"))
    what, cases, why, colour, *_ = discuss([gone, kept], [clean, gray]).split("\n\n")
    assert cases == (
        "Tom: mirroring, the crop and grayscale give its own class back; the rotation makes it a lynx, the clean "
        "photograph's own second guess. "
        "Tom: mirroring, the crop and the rotation give its own class back; the attack survives grayscale; the "
        "photograph is gray already, so that grayscale changes nothing but the noise."
    )
    assert what.startswith(
        "Of the two attacks none survives mirroring, the crop or the rotation and one survives grayscale."
    )
    assert "is +80 points on average; mirroring makes it +80, the crop +80, the rotation +80 and grayscale +80." in what
    assert "in six of the seven cases in which the attack's class is lost the photograph gets its own back" in what
    assert "in one a third wins." in what
    assert "undoes both; of these, each keeps its class when clean. So place and direction count" in why
    assert "Grayscale takes its colour and nothing else (50% of its fine detail is lost); it undoes one of two" in why
    # The one whose photograph is gray is the clean test of what colour does: nothing else changes.
    assert colour == (
        "Tom is gray to begin with, so that grayscale takes nothing but the noise's colour and leaves 70% of its fine "
        "detail; the attack survives (its lead goes from +80 to +80 points). This suggests that brightness alone "
        "carries it. The one that survives keeps 70% of the noise's fine detail, those undone at most 30%."
    )
    assert "leaves 30% of its fine detail; the attack is undone all the same (its lead" in discuss([gone], [gray])
    assert "This suggests that its colour, which no gray photograph has, did much of its work." in discuss(
        [gone], [gray]
    )
    assert "is gray to begin with" not in discuss([gone], [clean])
    # Of these the undone one keeps more than the one that survives.
    more = told(True, "shuttle", {"grayscale": 0.91}, mirror="cat", crop="cat", rotation="cat", grayscale="lynx")
    fewer, moved = dataclasses.replace(kept, image="coffee.png"), told(False, "cat", grayscale="lynx")
    moved = dataclasses.replace(moved, outcomes=(*clean.outcomes[:3], *moved.outcomes))
    _, _, why, colour, *_ = discuss([more, gone, fewer], [moved, clean, clean]).split("\n\n")
    assert "it undoes two of three; of these, one keeps its class when clean." in why
    assert colour == (
        "On tom gray changes the clean answer too, so that there what the photograph loses may be the reason, and not "
        "what the noise loses. How much fine detail is left does not tell the cases apart: tom keeps 91% of it and is "
        "undone, coffee keeps 70% and survives. One reading is that it counts which part of the noise is left, and not "
        "how much: a share does not show which part the network answers to."
    )
    ahead = dataclasses.replace(fewer, before=dataclasses.replace(fewer.before, margin=0.97))
    assert (
        "One reading is that the lead before counts, which was at least +97 points where the attack survives and at "
        "most +80 where it is undone." in discuss([more, gone, ahead], [moved, clean, clean])
    )
    surest = dataclasses.replace(kept.before, top=dataclasses.replace(kept.before.top, probability=0.95))
    said = discuss([gone, dataclasses.replace(kept, before=surest)], [clean, clean])
    assert said.count("; before the transforms it was the surest of the two.") == 1
    assert "the surest" not in cases
    lost = dataclasses.replace(told(False, "cat", grayscale="shuttle"), runner_up=Prediction("shuttle", 2, 0.05))
    assert "grayscale makes it a lynx and of the clean photograph a shuttle." in discuss(
        [told(True, "shuttle", grayscale="lynx")], [lost]
    )
    spared = told(True, "cat", mirror="cat", grayscale="cat")
    assert reasons([spared], [clean]) == []
    borne = told(True, "shuttle", mirror="shuttle", grayscale="shuttle")
    what, _, why, *_ = discuss([borne], [clean]).split("\n\n")
    assert what.startswith("The attack survives mirroring and grayscale.")
    assert "this noise does its work the wrong way round, too" in why
    assert "undoes no attack: what lies in brightness is enough" in why


def test_what_little_undoes_stands_beside_what_it_costs_clean_photographs() -> None:
    steps = {"rotation": 2.0, "scale": 0.05}

    def under(attacked: bool, *labels: str) -> StressResult:
        made = told(attacked, "shuttle" if attacked else "cat", **dict(zip(steps, labels, strict=True)))
        outcomes = [dataclasses.replace(one, strength=steps[one.transform]) for one in made.outcomes]
        # A ladder has more than one step; at the second all is undone, and lost.
        strong = [
            dataclasses.replace(one, strength=5 * one.strength, top=Prediction("lynx", 1, 0.9)) for one in outcomes
        ]
        return dataclasses.replace(made, outcomes=(*outcomes, *strong))

    attacks = [under(True, "cat", "cat")] * 2
    kept, lost, half = under(False, "cat", "cat"), under(False, "lynx", "lynx"), under(False, "cat", "lynx")

    def cost(*originals: StressResult) -> str:
        (said,) = (text for text in discuss(attacks[: len(originals)], originals).split("\n\n") if "Little" in text)
        return said.split("each undo ")[1]

    assert cost(kept, kept) == "both, and leave each of the two clean photographs its class."
    assert cost(kept, lost) == "both, but each cost one of the two clean photographs its class, too."
    assert cost(lost, half) == "both, but cost up to two of the two clean photographs their class, too."
    assert cost(kept) == "the attack, and leaves the clean photograph its class."
    assert cost(half) == "the attack, and one of them costs the clean photograph its class."
    assert cost(lost) == "the attack, and costs the clean photograph its class."


def test_fine_detail_is_weighed_where_no_transform_adds_any_and_beside_the_mirror() -> None:
    lost = {"blur": 0.1, "contrast": 5.0, "noise": 9.0}
    attacked = told(True, "shuttle", lost, mirror="cat", crop="shuttle", blur="cat", contrast="shuttle", noise="cat")
    blurred = told(True, "shuttle", lost, crop="shuttle", blur="cat")
    text = discuss([attacked])
    # The crop survives; the mirror and the blur undo it; contrast and noise do not count.
    assert (
        "100% of the noise's fine detail is left where the attack survives (n = 1) and 55% where it does not (n = 2). "
        "These are cases of one photograph, and they are not independent, so that no interval is given." in text
    )
    assert "(n = 2) and 55% where it does not (n = 4). These are cases of two photographs, and those of one are" in (
        discuss([attacked, attacked])
    )
    assert (
        "So losing fine detail goes with losing the attack, but mirroring, which takes none, undoes the attack" in text
    )
    assert discuss([blurred]).count("So losing fine detail goes with losing the attack.") == 1
    assert headline([attacked]).endswith("wants: none after mirroring, one after the crop")


def test_the_reports_table_holds_the_clean_photograph_beside_the_attacked_file() -> None:
    under = {"mirror": "cat", "crop": "cat", "rotation": "lynx", "grayscale": "shuttle"}
    attacked = told(True, "shuttle", **under)
    gone = dataclasses.replace(attacked.before, target_probability=0.00002, label_probability=0.25)
    attacked = dataclasses.replace(attacked, before=gone)
    clean = told(False, "cat", **dict.fromkeys(under, "cat") | {"rotation": "lynx"})
    seen = Seen(Prediction("lynx", 1, 0.5), 0.25, 0.125)
    crop = ObjectCrop("tom.png", (0, 0, 1, 1), 0.5, 0.8, 0.7, seen, seen, Image.new("RGB", (1, 1)))
    table = _table(stress_report([(attacked, clean)], [], ""), {"tom.png": crop})
    assert table.columns[-2:] == ("clean file", "probability")
    assert table.rows[0] == ("tom", "as it is", "shuttle", "0.9000", "0.2500", "<0.0001", "cat", "0.9000")
    assert [(row[0], row[2], row[6]) for row in table.rows[1:]] == [
        ("", "cat", "cat"), ("", "cat", "cat"), ("", "lynx", "lynx"), ("", "shuttle", "cat"), ("", "lynx", "lynx"),
    ]  # fmt: skip
    assert _all_numbers([row[5] for row in table.rows])


def test_the_share_of_the_heat_within_a_rectangle() -> None:
    values = np.array([[1.0, 0.0], [0.0, 3.0]], np.float32)
    whole = Box(10.0, 0.0, 30.0, 20.0)
    assert share_within(values, whole, whole) == 1
    assert share_within(values, whole, Box(10, 0, 20, 10)) == 0.25
    # A quarter of the upper left cell, half of the lower right one.
    assert share_within(values, whole, Box(15, 5, 30, 15)) == pytest.approx((0.25 * 1 + 0.5 * 3) / 4)
    assert share_within(values, whole, Box(0, 0, 10, 20)) == 0
    assert np.isnan(share_within(0 * values, whole, whole))


@given(
    arrays.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)),
    st.floats(0.5, 0.95),
)
@settings(max_examples=30, deadline=None)
def test_the_crop_by_the_object_leaves_what_is_asked_of_it(values: np.ndarray, share: float) -> None:
    values[1, 1] += 1
    size, whole = (800, 600), Box(100.0, 0.0, 700.0, 600.0)
    left, top, right, bottom = box_with(values, whole, size, share)
    assert left in (0, 800 - (right - left))
    assert top in (0, 600 - (bottom - top))
    assert 0 <= left < right <= 800
    assert 0 <= top < bottom <= 600
    assert (right - left) / 800 == pytest.approx((bottom - top) / 600, abs=1 / 600)
    # To the pixel: a row and a column of pixels hold no more than so much of the heat.
    assert share <= share_within(values, whole, Box(left, top, right, bottom)) <= share + 0.03


def test_the_crop_by_the_object_is_in_the_corner_that_leaves_most() -> None:
    """All heat lies in one quarter of what is seen: nothing far from it has to be left."""
    values = np.zeros((2, 2), np.float32)
    values[1, 1] = 1  # the lower right one, 50 x 50 pixels
    left, top, right, bottom = box_with(values, Box(0, 0, 100, 100), (100, 100), 0.64)
    # From the upper left corner 0.8 of each side of that quarter is reached at 90 pixels; from the lower right one 40
    # pixels would do, from the others the share is bounded by both.
    assert (left, top, right, bottom) == (0, 0, 90, 90)


def test_what_the_crop_leaves_of_the_object_is_measured_or_said_not_to_be(tmp_path: Path) -> None:
    """Red in the left half: a network of mean colours takes red for the class red, and all heat lies there."""
    pixels = np.zeros((16, 16, 3), np.uint8)
    pixels[:, :8, 0] = 255
    photo = Photo(str(tmp_path / "red.png"), Image.fromarray(pixels))
    attacked = Image.new("RGB", (16, 16), (0, 0, 255))
    classifier = classifier_of(MeanColours(torch.cat([4 * torch.eye(3), torch.zeros(1, 3)])), 16, 4)
    crop = object_crop(classifier, photo, attacked, 0, 2)
    assert crop is not None
    assert crop.heat == pytest.approx(0.8, abs=0.1)
    assert crop.box[2] - crop.box[0] == crop.box[3] - crop.box[1] == crop.image.width == crop.image.height < 16
    assert crop.area == (crop.image.width / 16) ** 2
    assert (crop.attacked.top.index, crop.clean.top.index) == (2, 0)
    assert object_crop(classifier, photo, attacked, 1, 2) is None  # nothing there is green
    with pytest.raises(ModelError):
        object_crop(linear_classifier(4), photo, attacked, 0, 1)
    said = _about_crop([crop], {photo.name: 0}, 2)
    assert "Of one attack one survives this crop, and none of the photographs gets the own class back;" in said
    assert said.endswith("when clean one keeps it.")
    unmapped = _about_crop([], {}, 2)
    assert unmapped.endswith("is not known, since this network gives no heat map of it.")


def test_the_discussion_counts(lite0) -> None:
    coffee = bundled_photographs()[0].path
    found = snellen.attack(lite0, coffee, "space shuttle")
    result = snellen.stress(lite0, found, coffee, transforms=assignment_transforms())
    stressed = dataclasses.replace(result, image="coffee-adversarial.png")
    text = stressed.discussion()
    mirror = stressed.outcome("mirror", 1.0)
    assert text.startswith(("The attack survives ", "The attack is undone by "))
    assert f"is {100 * stressed.before.margin:+.0f} points; mirroring makes it {100 * mirror.margin:+.0f}," in text
    lost = 1 - stressed.outcome("grayscale", 1.0).high_frequency_kept
    assert f"({lost:.0%} of its fine detail is lost)" in text
    assert "is no defence" in text
    assert "snellen " not in text


def test_stress_on_the_command_line(snellen_command, tmp_path: Path) -> None:
    photo = bundled_photographs()[0].path
    with Image.open(photo) as image:
        image.convert("RGB").resize((90, 60)).save(tmp_path / "small.png")
    out = tmp_path / "run"
    done = snellen_command("stress", tmp_path / "small.png", "--out", out)
    assert done.returncode == 0, done.stderr
    assert "rotation by 30°" in done.stdout
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    assert set(manifest["files"]) == FILES
    wrong = snellen_command("stress", photo, "--original", photo, "--original", photo, "--out", out)
    assert wrong.returncode == 2
    assert "1 photographs, 2 originals" in wrong.stderr
