"""Does it carry over? One file for several networks, beside the peers' transfer attacks as saved files.

    python benchmarks/transfer.py [--images 100] [--steps 20] [--epsilons 4 8 16] [--peers NAME...]

Sources: EfficientNet-Lite1 and -Lite2. Held out, never asked for a gradient: EfficientNet-Lite0, of the same family,
and SqueezeNet 1.1, of another. Untargeted: a file is a success where a network that classified the photograph
correctly no longer does. Every attack moves the pixels of the same PNG files (the photographs' centres, 260 x 260,
since a peer needs squares), within the same bound, with as many gradients of each source; its result is rounded to 8
bits, saved as PNG and read back by the ordinary classify path. Photographs go in tens, and all attack one ten before
the next.

Peers: torchattacks 3.5.1, and ART 1.20.1's momentum iterative method. They attack the mean of the sources' logits. For
each a momentum of 1, as its paper has it with momentum, where torchattacks has 0 for two of them; a step of 2.5 times
the bound over the number of steps, as in torchattacks' defaults; else its own parameters. SINIFGSM and VMIFGSM take 5
and 6 gradients a step, and so fewer steps.

Reads ../shared/data; writes benchmarks/results/transfer.json after each ten and goes on from there after a kill, or
with other peers: what is there is kept. All seven on a few tens say which is worth the time on the rest.
"""

import argparse
import json
import logging
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

import snellen
import snellen._torchvision  # the peers import torchvision
from attack import RESULTS, SHARED, check_installed, photographs
from snellen.attacks.attack import png_bytes
from snellen.attacks.config import AttackConfig
from snellen.attacks.folder import attack_folder
from snellen.data.images import read_image, to_image, to_pixels
from snellen.data.labels import label_of_folder
from snellen.data.preprocessing import Preprocessing
from snellen.intervals import Rate
from snellen.models.classifier import Classifier
from snellen.runs.files import write_bytes, write_json
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import to_plain

RESULT = RESULTS / "transfer.json"
SIDE = 260
TENS = 10
SOURCES = ("tf_efficientnet_lite1", "tf_efficientnet_lite2")
HELD_OUT = ("tf_efficientnet_lite0", "squeezenet1_1")
GRADIENTS_A_STEP = {"SINIFGSM": 5, "VMIFGSM": 6}
PEERS = ("MIFGSM", "DIFGSM", "TIFGSM", "NIFGSM", "SINIFGSM", "VMIFGSM", "ART")

Attacker = Callable[[Sequence[Path], Sequence[int], int, Path], list[Path]]
"""From PNG files, their labels, a bound in steps of 1/255 and a folder to attacked files there."""


class MeanLogits(nn.Module):
    """What the peers are given: the mean of the sources' logits, from pixels (N, 3, H, W) in [0, 1]."""

    def __init__(self, sources: Sequence[Classifier]) -> None:
        super().__init__()
        self.sources = sources
        self.networks = nn.ModuleList(source.network for source in sources).eval().requires_grad_(False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits (N, K)."""
        inputs = ((one.preprocessing.preprocess(pixels), one) for one in self.sources)
        return torch.stack([one.network(one.preprocessing.normalise(seen)) for seen, one in inputs]).mean(dim=0)


def ours(sources: Sequence[Classifier], steps: int) -> Attacker:
    """``snellen attack --ensemble``."""

    def run(paths: Sequence[Path], labels: Sequence[int], epsilon: int, out: Path) -> list[Path]:
        config = AttackConfig(None, f"{epsilon}/255", steps=steps)
        found = attack_folder(sources[0], paths, config, out, labels=labels, ensemble=sources[1:])
        return [Path(str(one.saved)) for one in found.attacks]

    return run


def peer(name: str, sources: Sequence[Classifier], steps: int) -> Attacker:
    """One of the peers' attacks, photograph by photograph."""
    model, steps = MeanLogits(sources), max(1, steps // GRADIENTS_A_STEP.get(name, 1))

    def made(bound: float) -> Callable[[Tensor, Tensor], Tensor]:
        step = 2.5 * bound / steps
        if name == "ART":
            from art.attacks.evasion import MomentumIterativeMethod
            from art.estimators.classification import PyTorchClassifier

            estimator = PyTorchClassifier(
                model, nn.CrossEntropyLoss(), (3, SIDE, SIDE), 1000, clip_values=(0.0, 1.0), device_type="cpu"
            )
            attack = MomentumIterativeMethod(estimator, eps=bound, eps_step=step, max_iter=steps, verbose=False)
            return lambda pixels, label: torch.from_numpy(attack.generate(pixels.numpy(), label.numpy()))
        import torchattacks

        found: Callable[[Tensor, Tensor], Tensor] = getattr(torchattacks, name)(
            model, eps=bound, alpha=step, steps=steps, decay=1.0
        )
        return found

    def run(paths: Sequence[Path], labels: Sequence[int], epsilon: int, out: Path) -> list[Path]:
        attack, files = made(epsilon / 255), []
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  # what ART draws from
        for path, label in zip(paths, labels, strict=True):
            pixels = to_pixels(read_image(path))
            moved = attack(pixels, torch.tensor([label])).detach()
            files.append(out / path.name)
            write_bytes(files[-1], png_bytes(to_image(moved.mul(255).round().div(255))))
        return files

    return run


def squares(paths: Sequence[str], classifier: Classifier, out: Path) -> tuple[list[Path], list[int]]:
    """The photographs' centres as PNG files, and the class that each shows."""
    shape = Preprocessing((SIDE, SIDE), 1.0, "bicubic", (0.0,) * 3, (1.0,) * 3)
    files, labels = [], []
    for path in paths:
        label = label_of_folder(classifier.labels, path)
        if label is None:
            sys.exit(f"{path}: its folder names no class of ImageNet")
        labels.append(label)
        files.append(out / f"{Path(path).stem}.png")
        centre = shape.preprocess_image(read_image(path))
        write_bytes(files[-1], png_bytes(to_image(torch.from_numpy(centre).permute(2, 0, 1)[None].float().div(255))))
    return files, labels


def seen(classifier: Classifier, files: Sequence[Path]) -> list[int]:
    """The class that a network sees in each file."""
    return [one.top.index for one in snellen.classify(classifier, list(map(str, files)), k=1)]


def ten(
    attackers: Mapping[str, Attacker],
    networks: Mapping[str, Classifier],
    paths: Sequence[str],
    epsilon: int,
    earlier: Mapping[str, Any],
) -> dict[str, Any]:
    """What each attack makes of some photographs: which were correct to each network, and which are no longer.

    Attacks that are found among ``earlier`` are not made again.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        originals, labels = squares(paths, networks[SOURCES[0]], folder)
        before = {model: seen(one, originals) for model, one in networks.items()}
        rows: dict[str, Any] = dict(earlier)
        for who, attacker in attackers.items():
            if who in rows:
                continue
            out = folder / who
            out.mkdir()
            started = time.process_time()
            files = attacker(originals, labels, epsilon, out)
            seconds = time.process_time() - started
            furthest = max(_distance(*pair) for pair in zip(originals, files, strict=True))
            if furthest > epsilon:
                sys.exit(f"{who}: moved a pixel by {furthest} of 255, the bound is {epsilon}")
            after = {model: seen(one, files) for model, one in networks.items()}
            rows[who] = {"processor_seconds": seconds, "after": after}
    return {"photographs": [Path(path).name for path in paths], "labels": labels, "before": before, "attacks": rows}


def _distance(one: Path, other: Path) -> int:
    first, second = (np.asarray(read_image(path), dtype=np.int16) for path in (one, other))
    return int(np.abs(first - second).max())


def summary(tens: Mapping[str, Mapping[str, Any]]) -> dict[str, dict[str, dict[str, Any]]]:
    """By bound and attack: processor seconds a photograph, and each network's rate of files that fool it."""
    found: dict[str, dict[str, dict[str, Any]]] = {}
    for key, one in tens.items():
        of_bound = found.setdefault(key.partition(" ")[0], {})
        for who, row in one["attacks"].items():
            entry = of_bound.setdefault(who, {"seconds": 0.0, "photographs": 0, "fooled": {}})
            entry["seconds"] += row["processor_seconds"]
            entry["photographs"] += len(one["labels"])
            for model, after in row["after"].items():
                pairs = zip(one["labels"], one["before"][model], after, strict=True)
                changed = [now != label for label, then, now in pairs if then == label]
                entry["fooled"].setdefault(model, []).extend(changed)
    for of_bound in found.values():
        for entry in of_bound.values():
            entry["fooled"] = {model: to_plain(Rate.of(changed)) for model, changed in entry["fooled"].items()}
            entry["seconds_a_photograph"] = entry.pop("seconds") / entry["photographs"]
    return found


def main() -> None:
    """Attack ten after ten, write after each, print the rates."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--epsilons", type=int, nargs="*", default=[4, 8, 16])
    parser.add_argument("--peers", nargs="*", default=list(PEERS), choices=PEERS)
    parser.add_argument("--out", type=Path, default=RESULT)
    asked = parser.parse_args()
    # The peers warn about their own dependencies.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    check_installed(sorted({"art" if name == "ART" else "torchattacks" for name in asked.peers}))
    sources = [snellen.load(name, device="cpu") for name in SOURCES]
    squeezenet = SHARED / "weights" / "squeezenet1_1.safetensors"
    lite0 = snellen.load(HELD_OUT[0], device="cpu")
    other = snellen.load(
        squeezenet, architecture="squeezenet1_1", labels="imagenet", preprocessing="imagenet", device="cpu"
    )
    networks = dict(zip((*HELD_OUT, *SOURCES), (lite0, other, *sources), strict=True))
    attackers = {"snellen": ours(sources, asked.steps)}
    attackers |= {name: peer(name, sources, asked.steps) for name in asked.peers}
    facts = {"steps": asked.steps, "side": SIDE, "sources": SOURCES, "held_out": HELD_OUT}
    facts = json.loads(json.dumps(facts))
    earlier = json.loads(asked.out.read_text(encoding="utf-8")) if asked.out.is_file() else {}
    tens = dict(earlier["tens"]) if all(earlier.get(key) == value for key, value in facts.items()) else {}
    paths = photographs()[: asked.images]
    for start in range(0, len(paths), TENS):
        for epsilon in asked.epsilons:
            some = paths[start : start + TENS]
            key = f"{epsilon}/255 {start}-{start + len(some)}"
            earlier_attacks = tens[key]["attacks"] if key in tens else {}
            if attackers.keys() <= earlier_attacks.keys():
                continue
            tens[key] = ten(attackers, networks, some, epsilon, earlier_attacks)
            result = {"rates": summary(tens), "tens": tens}
            write_json(asked.out, facts | result | {"hardware": hardware(), "versions": versions()})
            print(key, flush=True)
    for bound, rows in summary(tens).items():
        for who, row in rows.items():
            fooled = ", ".join(f"{model} {rate['count']} of {rate['n']}" for model, rate in row["fooled"].items())
            print(f"{bound}, {who}: {row['seconds_a_photograph']:.1f} s a photograph; fooled: {fooled}")


if __name__ == "__main__":
    main()
