"""What was computed before is taken up again only where nothing that decides it has changed."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import snellen
from evaluation_toys import COLOURS, colour_classifier
from snellen.data.datasets import open_dataset
from snellen.data.preprocessing import Preprocessing
from snellen.evaluation.transformed import evaluate_transforms
from snellen.inference.features import FeatureConfig
from snellen.models.classifier import Classifier

SIDE = 32
TORCH = FeatureConfig(engine="torch")
PAINTED = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
PLAIN = Preprocessing((SIDE, SIDE), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
PROGRAM = """
from torch import nn
import neighbour

class Net(nn.Module):
    def __init__(self, classes):
        super().__init__()
        self.head = nn.Linear(3, classes, bias=False)

    def forward(self, x):
        return self.head({seen}.mean((2, 3)))

def network(classes):
    return Net(classes)
"""


def painted(root: Path, colours: dict[str, tuple[int, int, int]] = PAINTED) -> Path:
    """Three uncompressed photographs of each class; whatever they show, the files are of one size."""
    for name, colour in colours.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for number in range(3):
            Image.new("RGB", (SIDE, SIDE), colour).save(root / name / f"{number}.bmp")
    return root


def test_photographs_that_were_replaced_are_classified_anew(tmp_path: Path) -> None:
    root, out = painted(tmp_path / "set"), tmp_path / "out"
    classifier = colour_classifier()
    first = snellen.evaluate(classifier, root, features=TORCH, out=out)
    under = evaluate_transforms(classifier, root, transforms=[("mirror", 1.0)], out=out)
    assert (first.accuracy.count, first.classified, under.clean.count) == (9, 9, 9)
    painted(root, dict.fromkeys(PAINTED, (255, 0, 0)))
    assert open_dataset(root).fingerprint == first.provenance.data  # their names and sizes are the same
    again = snellen.evaluate(classifier, root, features=TORCH, out=out)
    assert (again.accuracy.count, again.classified) == (3, 9)
    assert evaluate_transforms(classifier, root, transforms=[("mirror", 1.0)], out=out).clean.count == 3


@pytest.mark.parametrize("kind", ["tar", "zip"])
def test_an_archive_that_was_replaced_has_changed(tmp_path: Path, kind: str) -> None:
    archive = tmp_path / f"set.{kind}"

    def packed(colour: tuple[int, int, int]) -> str:
        file = io.BytesIO()
        Image.new("RGB", (SIDE, SIDE), colour).save(file, "BMP")
        archive.unlink(missing_ok=True)
        if kind == "zip":
            with zipfile.ZipFile(archive, "w") as to:
                for name in PAINTED:
                    to.writestr(f"{name}/0.bmp", file.getvalue())
        else:
            with tarfile.open(archive, "w") as to:
                for name in PAINTED:
                    about = tarfile.TarInfo(f"{name}/0.bmp")
                    about.size = len(file.getvalue())
                    to.addfile(about, io.BytesIO(file.getvalue()))
        return open_dataset(archive).changed()

    before = packed((255, 0, 0))
    assert open_dataset(archive).changed() == before
    assert packed((0, 255, 0)) != before


def test_a_copy_is_the_same_data_set_that_changed_at_another_time(tmp_path: Path) -> None:
    root = painted(tmp_path / "set")
    shutil.copytree(root, tmp_path / "copy", copy_function=shutil.copyfile)
    one, other = open_dataset(root), open_dataset(tmp_path / "copy")
    assert one.fingerprint == other.fingerprint
    assert one.changed() != other.changed()
    assert open_dataset("digits").changed() == open_dataset("digits").changed()


def program(folder: Path, seen: str, sees: str = "x") -> Classifier:
    """A network of one's own: its file, another that it imports, and its weights."""
    folder.mkdir(exist_ok=True)
    (folder / "net.py").write_text(PROGRAM.format(seen=seen), encoding="utf-8")
    (folder / "neighbour.py").write_text(f"def seen(x):\n    return {sees}\n", encoding="utf-8")
    save_file({"head.weight": 4 * torch.eye(3)}, folder / "net.safetensors")
    return snellen.load(
        str(folder / "net.safetensors"), architecture=str(folder / "net.py"), labels=COLOURS, preprocessing=PLAIN,
        device="cpu",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("before", "after"),
    [(("x.flip(1)", "x"), ("x", "x")), (("neighbour.seen(x)", "x.flip(1)"), ("neighbour.seen(x)", "x"))],
    ids=["its own file", "a file that it imports"],
)
def test_a_network_whose_program_was_mended_answers_anew(tmp_path: Path, before, after) -> None:
    root, out = painted(tmp_path / "set"), tmp_path / "out"
    wrong = snellen.evaluate(program(tmp_path / "code", *before), root, features=TORCH, out=out)
    mended = program(tmp_path / "code", *after)
    right = snellen.evaluate(mended, root, features=TORCH, out=out)
    assert wrong.provenance.weights == right.provenance.weights
    assert (wrong.accuracy.count, right.accuracy.count, right.classified) == (3, 9, 9)
    assert snellen.evaluate(mended, root, features=TORCH, out=out).classified == 0


def test_weights_that_were_changed_in_memory_answer_anew_under_a_digest_of_their_own(tmp_path: Path) -> None:
    root, out = painted(tmp_path / "set"), tmp_path / "out"
    classifier = program(tmp_path / "code", "x")
    loaded = snellen.evaluate(classifier, root, features=TORCH, out=out)
    with torch.no_grad():
        classifier.network.head.weight.copy_(classifier.network.head.weight.flip(0))
    assert classifier.with_preprocessing(PLAIN).digest == classifier.digest
    changed = snellen.evaluate(classifier, root, features=TORCH, out=out)
    assert (loaded.accuracy.count, changed.accuracy.count, changed.classified) == (9, 3, 9)
    assert changed.provenance.weights not in ("", loaded.provenance.weights)


def test_what_was_typed_in_and_hooks_are_part_of_a_network() -> None:
    made: dict[str, dict] = {}
    for name, seen in (("one", "x"), ("same", "x"), ("other", "x.flip(1)")):
        made[name] = {"__name__": "typed"}
        exec(PROGRAM.replace("import neighbour\n", "").format(seen=seen), made[name])  # as a notebook does
    one, same, other = (
        Classifier(space["network"](3), PLAIN, COLOURS, name="n", device="cpu") for space in made.values()
    )
    for classifier in (one, same, other):
        with torch.no_grad():
            classifier.network.head.weight.copy_(torch.eye(3))
    assert one.network_key() == same.network_key() != other.network_key()
    before = one.network_key()
    one.network.register_forward_hook(lambda _, __, output: output.flip(1))
    assert one.network_key() != before
