"""Robust accuracy: our ensemble beside the reference's own code, on the same networks, images and bounds.

    python benchmarks/robustness.py [--images 100] [--data ../shared/data/cifar10]

Peer (`pip install pyautoattack robustbench requests tqdm`): the AutoAttack of its authors, version "standard".
Two small networks are trained here on 10,000 images of CIFAR-10, one as usual and one on PGD's images of five gradients
(Madry et al. 2018), where a weak attack would lie. Finished comparisons are kept in benchmarks/results/robustness.json
and not made again. The promise: the same robust accuracy, in half the processor time.
"""

import argparse
import contextlib
import io
import json
import time
from collections.abc import Callable
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from snellen.attacks.balls import Norm
from snellen.attacks.robust_accuracy import EnsembleConfig, robust_accuracy
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import Example
from snellen.data.images import pixels_from_bytes, read_array
from snellen.data.labels import numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.models.classifier import Classifier
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

RESULT = Path(__file__).parent / "results" / "robustness.json"
BOUNDS: tuple[tuple[str, Norm, str], ...] = (
    ("usual", "Linf", "1/255"),
    ("usual", "L2", "0.25"),
    ("robust", "Linf", "8/255"),
    ("robust", "L2", "0.5"),
)


class _Shifted(nn.Module):
    """What the preprocessing does to pixels."""

    def forward(self, pixels: Tensor) -> Tensor:
        return pixels - 0.5


def network() -> nn.Module:
    """Four convolutions and a linear layer: small, since the reference alone asks it some ten thousand times."""
    layers: list[nn.Module] = []
    for before, after, stride in ((3, 16, 2), (16, 32, 1), (32, 32, 2), (32, 64, 1)):
        layers += [nn.Conv2d(before, after, 3, stride, 1), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(256, 10))


def trained(images: Tensor, labels: Tensor, epsilon: float, epochs: int) -> nn.Module:
    """A network trained on images, or on what PGD makes of them within ``epsilon``."""
    torch.manual_seed(0)
    net = network()
    optimiser = torch.optim.Adam(net.parameters(), 2e-3)
    for _ in range(epochs):
        for batch in torch.randperm(len(images)).split(128):
            x, y = images[batch], labels[batch]
            if epsilon:
                x0, x = x, (x + epsilon * (2 * torch.rand_like(x) - 1)).clamp(0, 1)
                for _ in range(5):
                    x.requires_grad_()
                    (gradient,) = torch.autograd.grad(F.cross_entropy(net(x - 0.5), y), x)
                    x = (x.detach() + epsilon / 3 * gradient.sign()).clamp(x0 - epsilon, x0 + epsilon).clamp(0, 1)
            optimiser.zero_grad()
            F.cross_entropy(net(x - 0.5), y).backward()
            optimiser.step()
    return net.eval()


def in_network(net: nn.Module) -> Callable[[], float]:
    """What tells the processor seconds that ``net``'s own passes and gradients have taken from now on."""
    begun, taken = [0.0], [0.0]

    # Functions, not methods: what attacks work on is a copy of the network, which has the same ones.
    def begin(*_: object) -> None:
        begun[0] = time.process_time()

    def end(*_: object) -> None:
        taken[0] += time.process_time() - begun[0]

    net.register_forward_pre_hook(begin)
    net.register_forward_hook(end)
    net.register_full_backward_pre_hook(begin)
    net.register_full_backward_hook(end)
    return lambda: taken[0]


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data/cifar10")
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--train", type=int, default=10_000)
    parser.add_argument("--epochs", type=int, default=8)
    options = parser.parse_args()
    from pyautoattack import AutoAttack

    dataset = open_dataset(options.data)

    def load(split: str, count: int) -> tuple[list[Example], Tensor, Tensor]:
        examples = list(dataset.splits[split].read(0, count))
        images = torch.cat([pixels_from_bytes(read_array(one.source)) for one in examples])
        return examples, images.contiguous(), torch.tensor([one.label for one in examples])

    _, images, labels = load("train", options.train)
    examples, test, truth = load("test", options.images)
    rows = json.loads(RESULT.read_text(encoding="utf-8"))["rows"] if RESULT.is_file() else {}
    preprocessing = Preprocessing((32, 32), 1.0, "bilinear", (0.5, 0.5, 0.5), (1.0, 1.0, 1.0))
    networks: dict[str, nn.Module] = {}
    for kind, norm, epsilon in BOUNDS:
        name = f"{kind}, {norm} {epsilon}, {options.images} images"
        if name in rows:
            continue
        if kind not in networks:
            networks[kind] = trained(images, labels, 8 / 255 if kind == "robust" else 0, options.epochs)
        net = networks[kind]
        classifier = Classifier(net, preprocessing, numbered_labels(10), name=kind, device="cpu")
        config = EnsembleConfig((epsilon,), norm)
        passes = in_network(net)
        started = time.process_time()
        pairs = [(example, int(label)) for example, label in zip(examples, truth, strict=True)]
        ours = robust_accuracy(classifier, pairs, config)
        between, in_passes = time.process_time(), passes()
        with contextlib.redirect_stdout(io.StringIO()):
            peer = AutoAttack(
                lambda x, net=net: net(x - 0.5),
                norm=norm,
                eps=config.radii[0],
                version="standard",
                device="cpu",
                seed=0,
            )
            attacked, _ = peer.run_standard_evaluation(test, truth, batch_size=options.images)
        ended = time.process_time()
        with torch.no_grad():
            theirs = int((net(attacked - 0.5).argmax(1) == truth).sum())
        point = ours.points[0]
        rows[name] = {
            "clean": ours.clean.count,
            "robust": {"snellen": point.accuracy.count, "reference": theirs},
            "felled": point.felled,
            "suspicious": ours.check.suspicious,
            "seconds": {"snellen": between - started, "reference": ended - between, "our passes": in_passes},
            "images": options.images,
        }
        print(name, rows[name])
        write_json(RESULT, {"rows": rows, "hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    main()
