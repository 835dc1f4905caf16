"""What each choice of the recipe ``deep`` is worth: the results of benchmarks/ablations.py, copied."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Ablation:
    """The recipe with one choice undone: what is undone, and the accuracy in [0, 1] on the images held out."""

    undone: str
    accuracy: float


BASE = 0.8556
"""Accuracy of one network of 48, 256 and 256 channels after 4 epochs with every choice in place."""
WHOLE = 0.8778
"""Accuracy of the recipe's own two networks after as many epochs."""
TWO_NARROW = 0.8564
"""Accuracy of two networks of 48, 176 and 176 channels in place of the one, after as many epochs."""
ALONE = (0.909, 0.9146)
"""Lowest and highest accuracy of four single networks that were trained for 12 to 16 epochs: benchmarks/pairs.py."""
TOGETHER = (0.9218, 0.9266)
"""The same of the mean of the logits of any two of them."""
HELD_OUT_IMAGES = 5000
"""Training images of CIFAR-10 that were held out: the test images were not used. One seed."""
ABLATIONS = (
    Ablation("ordinary filters, the images mirrored every other epoch", 0.8432),
    Ablation("He initialisation in place of whitening and identities", 0.8356),
    Ablation("AdamW with a rising start and decay in place of Muon", 0.795),
    Ablation("half the learning rate", 0.855),
    Ablation("a quarter of the rate for the head and the shifts", 0.8584),
    Ablation("images neither shifted nor blanked out", 0.8748),
    Ablation("no square blanked out", 0.8622),
    Ablation("targets not smoothed", 0.8564),
    Ablation("ReLU in place of GELU", 0.8522),
    Ablation("first filters of 4 x 4", 0.8428),
    Ablation("half the width", 0.8254),
    Ablation("images of 32 pixels from the first epoch on", 0.8704),
)
