"""What others published for linear classifiers of frozen features on Oxford-IIIT Pet."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Baseline:
    """A published number: mean-per-class accuracy in [0, 1] on the official test split of 37 breeds."""

    model: str
    accuracy: float
    source: str
    protocol: str


_LBFGS = (
    "multinomial logistic regression (L-BFGS) on frozen features of 224-pixel centre crops, its penalty chosen on a "
    "part of the training split; 37 breeds, official split (3,680 to learn from, 3,669 to test)"
)
_DINO = (
    "logistic regression on frozen features, its penalty chosen by search, as Chen et al. 2020 do; 37 breeds, official "
    "split"
)
_BYOL = "Grill et al. 2020, arXiv 2006.07733, table 3, after Chen et al. 2020, arXiv 2002.05709"
_DINOV2 = "Oquab et al. 2023, arXiv 2304.07193, table of linear evaluation on fine-grained sets"

PETS_BASELINES = (
    Baseline("ResNet-50, supervised on ImageNet-1k", 0.915, _BYOL, _LBFGS),
    Baseline("DINOv2 ViT-S/14", 0.951, _DINOV2, _DINO),
    Baseline("DINOv2 ViT-B/14", 0.962, _DINOV2, _DINO),
    Baseline("DINOv2 ViT-L/14", 0.966, _DINOV2, _DINO),
    Baseline("DINOv2 ViT-g/14", 0.967, _DINOV2, _DINO),
)

OFFICIAL_SIZES = (3680, 3669)
"""Training and test images of its official split."""
