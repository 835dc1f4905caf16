"""A network that knows three colours, and folders of photographs that it is right and wrong about."""

from pathlib import Path

import torch
from safetensors.torch import save_file

from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier
from toys import MeanColours
from transfer_toys import SIDE, encoded

COLOURS = ("red", "green", "blue")


def colour_classifier(names: tuple[str, ...] = COLOURS, scale: float = 4.0, name: str = "colours") -> Classifier:
    """Its logits are ``scale`` times the mean of each channel; further classes have the logit 0."""
    weight = torch.zeros(len(names), 3)
    weight[:3] = scale * torch.eye(3)
    plain = Preprocessing((SIDE, SIDE), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Classifier(MeanColours(weight), plain, Labels(names), name=name, digest=f"d{scale}", device="cpu")


PROGRAM = """
from torch import nn

def network(classes: int) -> nn.Module:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, classes, bias=False))
"""


def colour_model(root: Path, scale: float = 4.0) -> list[str]:
    """The same network as files in ``root``, and the options of the command line that load it."""
    root.mkdir(parents=True, exist_ok=True)
    (root / "net.py").write_text(PROGRAM, encoding="utf-8")
    (root / "labels.txt").write_text("\n".join(COLOURS), encoding="utf-8")
    save_file({"2.weight": scale * torch.eye(3)}, root / "model.safetensors")
    files = ["--model", root / "model.safetensors", "--architecture", root / "net.py", "--labels", root / "labels.txt"]
    fed = ["--mean", 0, "--std", 1, "--size", SIDE, "--crop", 1, "--interpolation", "bilinear"]
    return [str(one) for one in (*files, *fed)]


def colour_folders(root: Path, photographs: dict[str, list[tuple[int, int, int]]]) -> Path:
    """A folder for each class, with plain photographs of the colours that are told."""
    for name, colours in photographs.items():
        (root / name).mkdir(parents=True)
        for number, colour in enumerate(colours):
            (root / name / f"{number}.png").write_bytes(encoded(colour))
    return root


def pure(channel: int, strength: int = 255) -> tuple[int, int, int]:
    colour = [0, 0, 0]
    colour[channel] = strength
    return tuple(colour)
