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

from snellen.inspect.discussion import discuss
from snellen.inspect.feature_maps import FeatureMaps
from snellen.inspect.figures import draw_examples, draw_feature_maps, draw_heatmap, draw_overlays
from snellen.inspect.heatmap import area_of_half, heatmap
from snellen.inspect.top_patches import TopPatches
from snellen.models.classifier import Classifier
from snellen.runs.files import write_bytes, write_figure, write_json

_ENDINGS = (".png", ".svg")
_EXTRAS = {"heatmap", "examples"}


def write_feature_maps(
    classifier: Classifier,
    photograph: Image.Image,
    name: str,
    result: FeatureMaps,
    folder: Path,
    more: Mapping[str, Any],
) -> None:
    """Write the maps alone and over the photograph, their values (``maps.npz``), and ``result.json``.

    Args:
        classifier: the one examined.
        photograph: upright RGB.
        name: what the result calls it.
        result: of this photograph.
        folder: where to write.
        more: further entries of ``result.json``. A heat map or examples that are none of them are of an earlier
            examination, and removed.
    """
    for stem in _EXTRAS - more.keys():
        for ending in _ENDINGS:
            (folder / f"{stem}{ending}").unlink(missing_ok=True)
    _save_both(draw_feature_maps(result), folder, "features")
    _save_both(draw_overlays(photograph, classifier.preprocessing, result), folder, "overlay")
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


def write_heatmap(
    classifier: Classifier, photograph: Image.Image, pixels: Tensor, target: int | str | None, folder: Path
) -> dict[str, Any]:
    """Draw what speaks for a class; gives the entry of ``result.json``."""
    (found,) = heatmap(classifier, pixels, target)
    _save_both(draw_heatmap(photograph, classifier.preprocessing, found), folder, "heatmap")
    return {
        "layer": found.layer,
        "label": found.label,
        "index": found.index,
        "probability": found.probability,
        "peak": found.peak,
        "area_of_half": area_of_half(found),
    }


def write_examples(channels: Sequence[TopPatches], folder: Path) -> list[dict[str, Any]]:
    """Draw the patches that excite each channel most; gives the entry of ``result.json``."""
    _save_both(draw_examples(channels), folder, "examples")
    return [
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


def _save_both(figure: Figure, folder: Path, stem: str) -> None:
    for ending in _ENDINGS:
        write_figure(folder / f"{stem}{ending}", figure)
