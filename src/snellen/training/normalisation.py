"""What batch normalisation changes at each learning rate: the results of benchmarks/normalisation.py, copied.

``plain`` and ``batchnorm``, alike but for the normalisation, on the published images of CIFAR-10; 45,000 of its
training images were learned from and 5,000 were held out. The test images were not used. On an NVIDIA H200.
"""

from __future__ import annotations

from collections.abc import Mapping

FIRST_EPOCH: Mapping[str, Mapping[float, float]] = {
    "plain": {0.0003: 1.879, 0.001: 1.787, 0.003: 1.742, 0.01: 1.789, 0.03: 2.127, 0.1: 2.329, 0.3: 2.414},
    "batchnorm": {0.0003: 1.753, 0.001: 1.649, 0.003: 1.619, 0.01: 1.636, 0.03: 1.687, 0.1: 1.814, 0.3: 2.085},
}
"""By network and peak learning rate: the training loss in nats over a training of one epoch, mean of three seeds."""
SEARCHED: Mapping[str, Mapping[float, float]] = {
    "plain": {0.001: 0.6745, 0.002: 0.7181, 0.005: 0.7483, 0.01: 0.7231, 0.02: 0.6244},
    "batchnorm": {0.001: 0.6736, 0.002: 0.71, 0.005: 0.7384, 0.01: 0.7533, 0.02: 0.7586},
}
"""By network and peak learning rate: accuracy on the images held out after 10 epochs, mean of two seeds."""
