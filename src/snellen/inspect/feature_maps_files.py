"""Writes what the examination of feature maps found: figures, numbers, and the maps themselves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from torch import Tensor

from snellen.classifier import Classifier
from snellen.figures import save_figure
from snellen.inspect.examples import ChannelExamples
from snellen.inspect.feature_maps import FeatureMaps
from snellen.inspect.feature_maps_discussion import discuss
from snellen.inspect.feature_maps_figure import draw_examples, draw_feature_maps, draw_heatmap, draw_overlays
from snellen.inspect.heatmap import area_of_half, heatmap
from snellen.runs import write_bytes, write_json


def write_feature_maps(
    classifier: Classifier,
    photograph: Image.Image,
    name: str,
    result: FeatureMaps,
    folder: Path,
    more: Mapping[str, Any],
) -> list[str]:
    """Write the maps alone and over the photograph, their values (``maps.npz``), and ``result.json``.

    Args:
        classifier: the one examined.
        photograph: upright RGB.
        name: what the result calls it.
        result: of this photograph.
        folder: where to write.
        more: further entries of ``result.json``.

    Returns:
        The names of the files.
    """
    files = _both(draw_feature_maps(result), folder, "features")
    files += _both(draw_overlays(photograph, classifier.preprocessing, result), folder, "overlay")
    values = io.BytesIO()
    names = [f"{feature.layer}/{feature.channel}" for feature in result.maps]
    maps: dict[str, Any] = dict(zip(names, result.values, strict=True))
    np.savez_compressed(values, **maps)
    write_bytes(folder / "maps.npz", values.getvalue())
    write_json(
        folder / "result.json",
        {
            "image": name,
            "model": classifier.name,
            "top": result.top,
            "layers": result.layers,
            "maps": result.maps,
            "discussion": discuss(result),
            **more,
        },
    )
    return [*files, "maps.npz", "result.json"]


def write_heatmap(
    classifier: Classifier, photograph: Image.Image, pixels: Tensor, target: int | str | None, folder: Path
) -> tuple[dict[str, Any], list[str]]:
    """Draw what speaks for a class; the entry of ``result.json`` and the names of the files."""
    (found,) = heatmap(classifier, pixels, target)
    files = _both(draw_heatmap(photograph, classifier.preprocessing, found), folder, "heatmap")
    entry = {
        "layer": found.layer,
        "label": found.label,
        "index": found.index,
        "probability": found.probability,
        "peak": found.peak,
        "area_of_half": area_of_half(found),
    }
    return entry, files


def write_examples(channels: Sequence[ChannelExamples], folder: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Draw the patches that excite each channel most; the entry of ``result.json`` and the names of the files."""
    entries = [
        {
            "layer": channel.layer,
            "channel": channel.channel,
            "examples": [
                {"image": example.image, "value": example.value, "mean": example.mean, "box": example.box}
                for example in channel.examples
            ],
        }
        for channel in channels
    ]
    return entries, _both(draw_examples(channels), folder, "examples")


def _both(figure: Figure, folder: Path, stem: str) -> list[str]:
    names = [f"{stem}.png", f"{stem}.svg"]
    for name in names:
        save_figure(figure, folder / name)
    return names
