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
    from snellen.datasets import ImageSet, open_dataset
    from snellen.errors import ImageError, InputError, ModelError, SnellenError
    from snellen.images import Failure, read_image, read_pixels
    from snellen.inspect.categories import Classification, classify
    from snellen.inspect.feature_maps import FeatureMap, FeatureMaps, feature_maps
    from snellen.inspect.heatmap import Heatmap, heatmap
    from snellen.predictions import Prediction
    from snellen.robustness.stress import Stressed, stress
    from snellen.training.recipe import Recipe, read_recipe
    from snellen.training.results import TrainingResult
    from snellen.training.trainer import Trained, train
    from snellen.transfer.embedding import Embedding, embed
    from snellen.transfer.result import Probed, ProbeResult, probe
    from snellen.transfer.saving import load_probe
    from snellen.transfer.transformer import CNNFeatures

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
    "Failure": "snellen.images",
    "Prediction": "snellen.predictions",
    "feature_maps": "snellen.inspect.feature_maps",
    "FeatureMap": "snellen.inspect.feature_maps",
    "FeatureMaps": "snellen.inspect.feature_maps",
    "heatmap": "snellen.inspect.heatmap",
    "Heatmap": "snellen.inspect.heatmap",
    "ImageSet": "snellen.datasets",
    "open_dataset": "snellen.datasets",
    "Embedding": "snellen.transfer.embedding",
    "embed": "snellen.transfer.embedding",
    "CNNFeatures": "snellen.transfer.transformer",
    "ProbeResult": "snellen.transfer.result",
    "Probed": "snellen.transfer.result",
    "probe": "snellen.transfer.result",
    "load_probe": "snellen.transfer.saving",
    "train": "snellen.training.trainer",
    "Trained": "snellen.training.trainer",
    "TrainingResult": "snellen.training.results",
    "Recipe": "snellen.training.recipe",
    "read_recipe": "snellen.training.recipe",
}

__all__ = [
    "Attack",
    "CNNFeatures",
    "Classification",
    "Classifier",
    "Embedding",
    "Failure",
    "FeatureMap",
    "FeatureMaps",
    "Heatmap",
    "ImageError",
    "ImageSet",
    "InputError",
    "ModelError",
    "Plan",
    "Prediction",
    "ProbeResult",
    "Probed",
    "Recipe",
    "SnellenError",
    "Stressed",
    "Subject",
    "Trained",
    "TrainingResult",
    "attack",
    "attack_each",
    "attack_folder",
    "classify",
    "embed",
    "feature_maps",
    "heatmap",
    "load",
    "load_probe",
    "open_dataset",
    "probe",
    "read_image",
    "read_pixels",
    "read_recipe",
    "stress",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'snellen' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
