"""A network whose features are known by hand, and data sets to show it."""

import io
import json
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch
from PIL import Image
from torch import nn

from snellen.data.labels import numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier

SIDE = 32


class MeanColour(nn.Module):
    """Its features are the mean red, green and blue of the input."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(x.mean(dim=(2, 3)))


def toy_classifier() -> Classifier:
    torch.manual_seed(0)
    preprocessing = Preprocessing((SIDE, SIDE), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    return Classifier(MeanColour().eval(), preprocessing, numbered_labels(2), name="toy", digest="d1", device="cpu")


def encoded(colour: tuple[int, int, int], size: tuple[int, int] = (SIDE, SIDE), kind: str = "PNG") -> bytes:
    file = io.BytesIO()
    Image.new("RGB", size, colour).save(file, kind)
    return file.getvalue()


def write_parquet(
    path: Path,
    images: list[bytes],
    labels: list[int] | list[str] | None,
    names: list[str] | None = None,
    row_group_size: int = 4,
) -> None:
    """A file in the hub's layout; with ``names``, the label is a ClassLabel."""
    path.parent.mkdir(parents=True, exist_ok=True)
    columns = {"image": pa.array([{"bytes": data, "path": None} for data in images])}
    if not images:
        columns = {"image": pa.array([], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))}
    features: dict = {"image": {"_type": "Image"}}
    if labels is not None:
        columns["label"] = pa.array(labels)
    if names is not None:
        features["label"] = {"names": names, "_type": "ClassLabel"}
    table = pa.table(columns)
    table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    pq.write_table(table, path, row_group_size=row_group_size)


def colours(count: int, seed: int = 0) -> list[tuple[int, int, int]]:
    return [tuple(colour) for colour in np.random.default_rng(seed).integers(0, 256, (count, 3)).tolist()]


def class_folders(root: Path, classes: dict[str, int], seed: int = 0) -> None:
    """One folder a class, with as many images as told: reds, greens, blues ..., each a little different."""
    random = np.random.default_rng(seed)
    for number, (name, count) in enumerate(classes.items()):
        (root / name).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            colour = random.integers(0, 60, 3)
            colour[number % 3] += 150
            (root / name / f"{index:03}.png").write_bytes(encoded(tuple(colour.tolist())))
