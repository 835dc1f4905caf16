"""Makes ``import torchvision`` work beside a CPU-only PyTorch.

The torchvision wheel of the package index is compiled against CUDA. Beside a CPU build of PyTorch its
compiled half does not load, the operators ``nms`` and ``qnms`` stay unregistered, and the import of its
pure-Python half (on which timm rests) fails. Declaring the two schemas lets that half load. Nothing is
declared where the compiled half is present.

Import this module before timm or torchvision.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path

import torch


def _compiled_half_loads() -> bool:
    """Whether the extension of the installed torchvision registers its operators."""
    spec = importlib.util.find_spec("torchvision")
    if spec is None or not spec.submodule_search_locations:
        return False
    for library in Path(spec.submodule_search_locations[0]).glob("_C.*"):
        try:
            torch.ops.load_library(str(library))
        except OSError:
            continue
        return True
    return False


def _declare_operators() -> torch.library.Library:
    library = torch.library.Library("torchvision", "DEF")
    for operator in ("nms", "qnms"):
        library.define(f"{operator}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    return library


# The declaration lives as long as the Library object does, hence the module-level name.
_DECLARED: torch.library.Library | None = None if _compiled_half_loads() else _declare_operators()
