"""Snellen: an eye exam for image classifiers."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from snellen.attacks.attack import attack, attack_each
    from snellen.attacks.case import Subject
    from snellen.attacks.folder import attack_folder
    from snellen.attacks.plan import Plan
    from snellen.attacks.report import Attack
    from snellen.classifier import Classifier, load
    from snellen.errors import ImageError, InputError, ModelError, SnellenError
    from snellen.images import read_image, read_pixels
    from snellen.inspect.categories import Classification, classify
    from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, feature_maps
    from snellen.inspect.heatmap import Heatmap, heatmap
    from snellen.predictions import Failure, Prediction
    from snellen.robustness.stress import Stressed, stress

# Where each public name lives. Loaded on first use, so that `import snellen` stays light.
_HOMES = {
    "attack": "snellen.attacks.attack",
    "attack_each": "snellen.attacks.attack",
    "attack_folder": "snellen.attacks.folder",
    "Attack": "snellen.attacks.report",
    "Plan": "snellen.attacks.plan",
    "Subject": "snellen.attacks.case",
    "stress": "snellen.robustness.stress",
    "Stressed": "snellen.robustness.stress",
    "Classifier": "snellen.classifier",
    "load": "snellen.classifier",
    "SnellenError": "snellen.errors",
    "InputError": "snellen.errors",
    "ImageError": "snellen.errors",
    "ModelError": "snellen.errors",
    "read_image": "snellen.images",
    "read_pixels": "snellen.images",
    "classify": "snellen.inspect.categories",
    "Classification": "snellen.inspect.categories",
    "Failure": "snellen.predictions",
    "Prediction": "snellen.predictions",
    "feature_maps": "snellen.inspect.feature_maps",
    "FeatureMap": "snellen.inspect.feature_maps",
    "FeatureMaps": "snellen.inspect.feature_maps",
    "heatmap": "snellen.inspect.heatmap",
    "Heatmap": "snellen.inspect.heatmap",
}

__all__ = [
    "Attack",
    "Classification",
    "Classifier",
    "Failure",
    "FeatureMap",
    "FeatureMaps",
    "Heatmap",
    "ImageError",
    "InputError",
    "ModelError",
    "Plan",
    "Prediction",
    "SnellenError",
    "Stressed",
    "Subject",
    "attack",
    "attack_each",
    "attack_folder",
    "classify",
    "feature_maps",
    "heatmap",
    "load",
    "read_image",
    "read_pixels",
    "stress",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'snellen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
