"""Has anything become slow? Four ratios of ours to a plain reference, each against a floor; status 1 below one.

    python benchmarks/regress.py [--rounds 5]       # also `make ratios`; under a minute

Never seconds: both sides run in turns in this process, and what counts is the median ratio of their processor time,
which neither the machine nor its load moves much; one that falls below its floor is measured once more. A floor is a
little over half of the smallest ratio of five runs (2.07, 2.37, 0.21 and 1.81, on two cores of an AMD EPYC of family 25
beside other load), so that another processor does not fall below it but a lost engine, a copy too many or a decoder
that is not taken does. Reads nothing but the bundled photographs and network. ``.ci/run`` calls it.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

import snellen
from snellen.attacks.config import AttackConfig
from snellen.attacks.gradients import Query, choose_gradients
from snellen.attacks.search import Criterion, log_probability_or_margin
from snellen.data.images import read_array, read_image
from snellen.data.photographs import bundled_photographs
from snellen.inference.engines import TorchEngine, choose_engine
from snellen.models.classifier import Classifier
from snellen.models.frozen import frozen

BATCH = 4
FLOORS: Mapping[str, float] = {"gradient": 1.2, "embed": 1.3, "large": 0.11, "input": 1.0}


@dataclass(frozen=True)
class Pair:
    """Two ways to one result.

    Attributes:
        name: of the pair in :data:`FLOORS`.
        words: what the ratio is of.
        ours: our way.
        reference: the plain way, whose processor time is divided by ours.
    """

    name: str
    words: str
    ours: Callable[[], object]
    reference: Callable[[], object]

    def ratio(self, rounds: int) -> float:
        """The median over interleaved rounds, after one that warms up."""
        return statistics.median([_seconds(self.reference) / _seconds(self.ours) for _ in range(rounds + 1)][1:])


def _seconds(way: Callable[[], object]) -> float:
    started = time.process_time()
    way()
    return time.process_time() - started


def gradient(classifier: Classifier) -> Pair:
    """An attack's gradients, by the engine that an attack takes and by autograd through the network as it is."""
    size = classifier.preprocessing.size
    inputs = torch.rand(BATCH, 3, *size, generator=torch.Generator().manual_seed(0))
    engine = choose_gradients(classifier, AttackConfig("random"), 100)
    queries = [Query(one, Criterion(0, 812), log_probability_or_margin) for one in inputs.split(1)]

    def eager() -> torch.Tensor:
        moved = inputs.clone().requires_grad_()
        with frozen(classifier.network):
            logits = classifier.logits_from_inputs(moved)
        return torch.autograd.grad(logits.log_softmax(dim=1)[:, 812].sum(), moved)[0]

    words = f"gradients by {engine.name} over autograd's"
    return Pair("gradient", words, lambda: list(engine.run(queries)), eager)


def embed(classifier: Classifier) -> Pair:
    """Features, by the engine that embedding takes and by PyTorch."""
    size = classifier.preprocessing.size
    inputs = np.random.default_rng(0).integers(0, 256, (4 * BATCH, *size, 3), dtype=np.uint8)
    engine, plain = choose_engine(classifier), TorchEngine(classifier)
    words = f"features by {engine.name} over PyTorch's"
    return Pair("embed", words, lambda: list(engine.run(inputs)), lambda: list(plain.run(inputs)))


def photograph(folder: Path, width: int, height: int) -> Path:
    """A JPEG file of that size, without the colour profile that the bundled one has and timm leaves out."""
    path = folder / f"{width}.jpg"
    read_image(bundled_photographs()[2].path).resize((width, height)).save(path, quality=90, icc_profile=None)
    return path


def large(classifier: Classifier, folder: Path) -> Pair:
    """The classes of a photograph of 12 megapixels, beside nothing but decoding it."""
    path = photograph(folder, 4000, 3000)
    words = "classifying 12 megapixels over decoding them"
    return Pair("large", words, lambda: snellen.classify(classifier, path), lambda: read_image(path))


def way_to_input(classifier: Classifier, folder: Path) -> Pair:
    """From a JPEG file to the network's input, as evaluation reads it and by timm's evaluation transform."""
    from timm.data import create_transform, resolve_data_config

    transform = create_transform(**resolve_data_config({}, model=classifier.network))
    paths = [str(photograph(folder, 500, 375))] * 20
    preprocessing = classifier.preprocessing

    def plain() -> None:
        for path in paths:
            with Image.open(path) as image:
                transform(image.convert("RGB"))

    def ours() -> None:
        for path in paths:
            preprocessing.preprocess_fast(read_array(path))

    return Pair("input", "from a file to the input over timm's evaluation transform", ours, plain)


def main() -> None:
    """Measure, print a line for each, end with status 1 where one falls below its floor."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    classifier = snellen.load(device="cpu")
    slow = []
    with tempfile.TemporaryDirectory() as folder:
        files = (large(classifier, Path(folder)), way_to_input(classifier, Path(folder)))
        for pair in (gradient(classifier), embed(classifier), *files):
            ratio, floor = pair.ratio(asked.rounds), FLOORS[pair.name]
            if ratio < floor:  # what really became slow is slow twice
                ratio = max(ratio, pair.ratio(2 * asked.rounds))
            slow += [] if ratio >= floor else [pair.name]
            print(f"{pair.name}: {ratio:.2f} times as fast, at least {floor:g} wanted; {pair.words}", flush=True)
    if slow:
        sys.exit(f"slower than they were: {', '.join(slow)}")


if __name__ == "__main__":
    main()
