"""Exams' folders of strangers, which ``snellen verify`` goes through, as one file each: names with their contents."""

import contextlib
import io
import json
import re
import shutil
import sys
import tempfile
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from torch import Tensor, nn

from snellen.cli.output import printable
from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError
from snellen.exam.verify import Means, verify_exam
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import to_json
from snellen.transfer.files import Description, load_probe_on

from .mutate import mutated
from .rule import BrokenRuleError
from .seeds import JSON_TOKENS

SIZE = 16
CLASSES = ("red", "green")
DATA = "somebody's photographs"
SECRET = "secret.png"
FOLDER_TOKENS = (
    *JSON_TOKENS, b'"../secret.png"', b'"photographs/../../secret.png"', b'"/etc/passwd"', b'"digits"', b'"."', b'""',
    b'"photographs"', b'"attack/adversarial.png"', b'"/dev/zero"', b'"a\\u0000b"', b'"deep"', b'"net.py"', b"1e308",
)  # fmt: skip
_MARK = re.compile(rb"^=== ([A-Za-z0-9_-]+(?:[./][A-Za-z0-9_-]+)*)\n", re.MULTILINE)
_ERROR = re.compile("[A-Z][A-Za-z]*(Error|Exception|Interrupt|Exit): ")
_opened: list[str] = []
_brought: list[tuple[Classifier, Means]] = []


class MeanColour(nn.Module):
    """Logits of the mean of each channel: the model that was to be examined."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1, bias=False)
        self.classifier = nn.Linear(3, len(CLASSES), bias=False)
        with torch.no_grad():
            self.conv.weight.copy_(torch.eye(3)[:, :, None, None])
            self.classifier.weight.copy_(4 * torch.eye(3)[: len(CLASSES)])

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, 2) of inputs (N, 3, H, W)."""
        logits: Tensor = self.classifier(self.conv(inputs).mean(dim=(2, 3)))
        return logits


def preprocessing() -> Preprocessing:
    """Leaves the photographs here as they are."""
    return Preprocessing((SIZE, SIZE), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def model() -> Classifier:
    """The classifier that was to be examined."""
    return Classifier(MeanColour().eval(), preprocessing(), Labels(CLASSES), name="toy", device="cpu")


def photograph(channel: int, value: int = 200) -> bytes:
    """A photograph in which one channel is the strongest."""
    pixels = np.full((SIZE, SIZE, 3), 100, np.uint8)
    pixels[..., channel] = value
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def bundle(files: Mapping[str, bytes]) -> bytes:
    """A folder's files as one."""
    return b"".join(b"=== %s\n%s\n" % (name.encode(), content) for name, content in files.items())


def unbundled(data: bytes) -> dict[str, bytes]:
    """The files of :func:`bundle`; whatever the bytes, their names are plain ones below the folder."""
    marks = list(_MARK.finditer(data))
    ends = [mark.start() for mark in marks[1:]] + [len(data)]
    return {mark[1].decode(): data[mark.end() : end].removesuffix(b"\n") for mark, end in zip(marks, ends, strict=True)}


def sound_folders() -> list[bytes]:
    """One with all parts that are recomputed, and one with a photograph and its answer alone."""
    whole = _exam()
    few = {name: whole[name] for name in ("manifest.json", "photographs/a.png", "categories/result.json")}
    parts = ["categories", "attack", "training", "probe"]
    return [bundle(_contents(whole, parts) | whole), bundle(_contents(few, parts[:1]) | few)]


def _contents(files: Mapping[str, bytes], parts: list[str]) -> dict[str, bytes]:
    digests = {name: sha256(data).hexdigest() for name, data in files.items() if name != "manifest.json"}
    said = {"photographs": {"in/a.png": "photographs/a.png"}, "digests": digests, "parts": parts}
    return {"contents.json": _json(said)}


def _exam() -> dict[str, bytes]:
    weights = model().digest
    made = Provenance("snellen exam", "toy", weights, "0" * 16, 0, "cpu", "a processor", {"python": "3.11"})
    answer = {"label": "red", "index": 0, "probability": 0.828}
    other = {"label": "green", "index": 1, "probability": 0.172}
    seen = other | {"probability": 0.828}
    verdict = {"top": seen, "label": 0.172, "target": 0.828, "success": True, "changed": True}
    attack = {
        "name": "in/a.png", "label": answer, "label_given": True, "target": other, "original": answer, "epsilon": 100,
        "attacked": verdict, "norm": 100, "control": verdict | {"success": False}, "preprocessed_again": None,
        "held_out": [{"transform": "mirror", "successes": 1, "plain_successes": 1, "draws": 2}], "gradients": 3,
        "reason": None, "file": "adversarial.png", "curve": [{"probability": 0.5, "gradient_norm": None}], "engine": "",
    }  # fmt: skip
    options = {"widths": [2, 2, 2], "members": 1}
    torch.manual_seed(0)
    return {
        "manifest.json": _json({"provenance": made, "files": []}),
        "photographs/a.png": photograph(0),
        "categories/result.json": _json({"results": [{"image": "in/a.png", "predictions": [answer, other]}]}),
        "attack/result.json": _json({"attacks": [attack], "failures": []}),
        "attack/rule.json": _json({"attacks": [attack]}),
        "attack/attacks.csv": b"image,label,norm,file\nin/a.png,red,100,adversarial.png\n",
        "attack/attacks/adversarial.json": _json({"cache_key": "0" * 16, "file": "0" * 16, "attack": attack}),
        "attack/adversarial.png": photograph(1),
        "training/deep/metrics.json": _json(_training(options, made)),
        "training/deep/model.safetensors": save(
            create("deep", 2, options).state_dict(),
            {"architecture": "deep", "options": json.dumps(options), "labels": json.dumps(CLASSES),
             "preprocessing": json.dumps({"size": [SIZE, SIZE], "crop": 1.0, "interpolation": "bilinear",
                                          "mean": [0.5] * 3, "std": [0.5] * 3})},
        ),
        "probe/result.json": _json({"dataset": "elsewhere", "accuracy": {"count": 2, "n": 2}}),
        "probe/probe.json": _json(
            Description("toy", weights, preprocessing(), False, "logistic", 1.0, CLASSES, DATA, "0" * 16)
        ),
        "probe/probe.safetensors": save({"weight": torch.eye(3)[:2], "bias": torch.zeros(2)}),
    }  # fmt: skip


def _training(options: dict[str, Any], made: Provenance) -> dict[str, Any]:
    epoch = {"loss": 0.7, "accuracy": 0.5, "learning_rate": 0.1, "seconds": 1.0, "images_per_second": 8.0}
    rate = {"count": 2, "n": 4, "share": 0.5, "low": 0.15, "high": 0.85}
    mean = {"value": 0.5, "low": 0.0, "high": 1.0}
    scores = {"accuracy": rate, "mean_per_class": mean, "per_class": [rate, rate], "confusion": [[1, 1], [1, 1]]}
    return {
        "recipe": {"network": "deep", "epochs": 1, "batch": 2, "size": SIZE, "network_options": options},
        "seed": 0,
        "data": {"name": DATA, "split_description": "", "note": "", "labels": CLASSES, "train_images": 8,
                 "held_out_images": 0, "test_images": 4, "failures": []},
        "parameters": 10, "first_layer": [2, 3, 2, 2], "precision": "float32", "processes": 1, "history": [epoch],
        "test": scores | {"loss": 0.7}, "test_tta": None, "provenance": made,
    }  # fmt: skip


def _json(value: Any) -> bytes:
    return to_json(value).encode()


def drawn_folder(draw: Random, pool: list[bytes]) -> bytes:
    """A sound folder with one to three of its files mutated, and now and then one missing or in another's place."""
    files = unbundled(draw.choice(pool))
    for _ in range(draw.choice((1, 1, 2, 3))):
        name = draw.choice(list(files))
        tokens = () if name.endswith(("png", "safetensors")) else FOLDER_TOKENS
        files[name] = mutated(draw, [files[name]], tokens)
    if draw.random() < 0.1:
        one, other = draw.choices(list(files), k=2)
        files[one] = files[other]
    if draw.random() < 0.1:
        del files[draw.choice(list(files))]
    return bundle(files)


def prepare() -> None:
    """Make what whoever verifies brings along, and watch which files are opened from now on."""
    folder = Path(tempfile.mkdtemp(prefix="snellen-fuzz-")) / "data"
    for split, channel, number in ((s, c, n) for s in ("train", "test") for c in range(2) for n in range(2)):
        path = folder / split / CLASSES[channel] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(photograph(channel, 200 + number))
    classifier = model()
    _brought[:] = [(classifier, Means(classifier, {DATA: str(folder)}))]
    sys.addaudithook(lambda event, given: _opened.append(str(given[0])) if event == "open" else None)


def read_folder(path: Path) -> None:
    """As ``snellen verify`` does: every claim is a line, whatever is in the folder, and nothing beside it is read."""
    if not _brought:
        prepare()
    classifier, means = _brought[0]
    folder = path.parent / "handed in"
    shutil.rmtree(folder, ignore_errors=True)
    (path.parent / SECRET).write_bytes(photograph(2))
    for name, content in unbundled(path.read_bytes()).items():
        place = folder / name
        try:
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(content)
        except OSError:
            continue  # two names of which one is the other's folder
    _opened.clear()
    try:
        verified = verify_exam(folder, means)
    except InputError as error:
        raise InputError(str(error).replace(str(folder), str(path))) from error
    if (folder / "probe").is_dir():
        with contextlib.suppress(InputError):
            load_probe_on(classifier, folder / "probe")
    if any(Path(name).name == SECRET for name in _opened):
        raise BrokenRuleError("a file outside of the folder is read")
    for claim in verified.claims:
        if not printable(str(claim)).isprintable():
            raise BrokenRuleError(f"a claim of several lines: {claim!s}")
        if _ERROR.search(str(claim)):
            raise BrokenRuleError(str(claim))
