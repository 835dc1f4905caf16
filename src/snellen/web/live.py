"""A transform whose strength is being dragged: the answer and the picture at once, outside the queue."""

from __future__ import annotations

import base64
import io
from collections import OrderedDict
from threading import Lock

import torch
from PIL import Image
from torch import Tensor

from snellen.data.images import to_image, to_pixels
from snellen.data.transforms import TRANSFORMS, apply_transform, describe_transform
from snellen.models.predictions import top_predictions
from snellen.web.content import Bars
from snellen.web.photographs import Photograph
from snellen.web.state import AppState
from snellen.web.tabs.base import bars_of

LIVE_SIDE = 512
"""Longer side of the copy that is transformed, in pixels: an answer is to take a moment."""
_KEPT = 8


class LiveTransforms:
    """Transforms reduced copies of photographs; keeps the last few."""

    def __init__(self, state: AppState) -> None:
        self._state = state
        self._pixels: OrderedDict[str, Tensor] = OrderedDict()
        self._lock = Lock()

    def answer(self, photograph: Photograph, model: str, transform: str, strength: float) -> tuple[Bars, str]:
        """The most probable categories under a transform at a strength, and the picture as a data address.

        Raises:
            InputError: no such model or transform, or a strength beyond its range.
        """
        classifier = self._state.model(model)
        pixels = apply_transform(self._reduced(photograph), (transform, strength))
        with torch.inference_mode():
            (top,) = top_predictions(classifier, classifier.logits(pixels), 5)
        title = describe_transform((transform, strength))
        return bars_of(title, top), _address(to_image(pixels))

    def _reduced(self, photograph: Photograph) -> Tensor:
        with self._lock:
            if photograph.number not in self._pixels:
                self._pixels[photograph.number] = to_pixels(photograph.reduced(LIVE_SIDE))
                while len(self._pixels) > _KEPT:
                    self._pixels.popitem(last=False)
            self._pixels.move_to_end(photograph.number)
            return self._pixels[photograph.number]


def transformed(state: AppState, photograph: Photograph, transform: str, strength: float, side: int) -> Photograph:
    """A photograph under a transform at a strength, kept as one of its own: what a letter of the chart stands for.

    Raises:
        InputError: no such transform, or a strength beyond its range.
    """
    pixels = apply_transform(to_pixels(photograph.reduced(side)), (transform, strength))
    file = io.BytesIO()
    to_image(pixels).save(file, format="PNG", compress_level=1)
    stem = photograph.name.rpartition(".")[0] or photograph.name
    return state.photographs.add(file.getvalue(), f"{stem}-{transform}-{strength:g}.png")


def transforms_on_offer() -> list[dict[str, object]]:
    """The transforms with the strengths between which a slider moves: from none to the end of the ladder."""
    return [
        {"name": one.name, "low": max(one.low, -one.ladder[-1]) if one.low < 0 else 0, "high": one.ladder[-1],
         "unit": one.unit, "ladder": one.ladder, "definition": one.definition}
        for one in TRANSFORMS.values()
    ]  # fmt: skip


def _address(image: Image.Image) -> str:
    file = io.BytesIO()
    image.save(file, format="JPEG", quality=88)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode()}"
