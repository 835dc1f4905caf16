"""A network that knows three colours, and folders of photographs that it is right and wrong about."""

from pathlib import Path

import torch

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
