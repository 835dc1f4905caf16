"""Writes what the examination of a photograph's feature maps found: figures, numbers, and the maps themselves."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from snellen.inspect.discussion import discuss_feature_maps
from snellen.inspect.feature_maps import FeatureMaps
from snellen.inspect.figures import draw_feature_maps, draw_overlays, draw_top_patches
from snellen.inspect.heatmap import Heatmap
from snellen.inspect.top_patches import TopPatches
from snellen.runs.files import write_bytes, write_figure, write_json

_ENDINGS = (".png", ".svg")


def write_feature_maps(result: FeatureMaps, folder: Path, more: Mapping[str, Any]) -> None:
    """Write the maps alone and over the photograph, their values (``maps.npz``), and ``result.json``.

    Args:
        result: the maps of one photograph.
        folder: the folder.
        more: further entries of ``result.json``: the provenance; as ``heatmap`` a heat map, as ``top_patches`` a list
            of top-activating patches.
    """
    _write_both(folder, "features", draw_feature_maps(result))
    _write_both(folder, "overlay", draw_overlays(result))
    values = io.BytesIO()
    names = [f"{feature.layer}/{feature.channel}" for feature in result.maps]
    maps: dict[str, Any] = dict(zip(names, result.values, strict=True))
    np.savez_compressed(values, **maps)
    write_bytes(folder / "maps.npz", values.getvalue())
    write_json(folder / "result.json", {**result.to_dict(), "discussion": discuss_feature_maps(result), **more})


def write_heatmap(result: Heatmap, folder: Path) -> None:
    """Draw a heat map: ``heatmap.png`` and ``heatmap.svg``."""
    _write_both(folder, "heatmap", result.plot())


def write_top_patches(channels: Sequence[TopPatches], folder: Path) -> None:
    """Draw the top-activating patches of each channel: ``top_patches.png`` and ``top_patches.svg``."""
    _write_both(folder, "top_patches", draw_top_patches(channels))


def _write_both(folder: Path, stem: str, figure: Figure) -> None:
    for ending in _ENDINGS:
        write_figure(folder / f"{stem}{ending}", figure)
