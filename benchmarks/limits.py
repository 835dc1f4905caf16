"""Near the limit: whole attacks beside their peers, a photograph of 16 megapixels, and what the machine allows.

    python benchmarks/limits.py whole [--images 32] [--peers NAME...]  # 10 minutes
    python benchmarks/limits.py large                                  # 5 minutes
    python benchmarks/limits.py networks                               # 5 minutes
    python benchmarks/limits.py quick                                  # 20 seconds; status 1 where a ratio falls short

Reads ../shared/data; for the peers see benchmarks/attack.py. All in interleaved rounds, by processor time, and by the
clock. ``whole`` goes from files to verified PNG files: a peer reads, attacks the network's input with the fewest
steps of 5, 10, 20 or 40 that fool as many files as ours do, writes PNG files, reads them back and classifies them.
``networks`` takes gradients of networks of other kinds, with random weights, as the peers do (autograd, eager, as many
inputs at a time as benchmarks/attack.py gives them), by the fused copy and by the graph.
``whole``, ``large`` and ``networks`` write benchmarks/results/limits-NAME.json.
"""

import argparse
import functools
import os
import statistics
import sys
import tempfile
import time
from collections import defaultdict, deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch

import snellen
from attack import BATCH, EPSILON, PEERS, RESULTS, SHARED, Attacker, check_installed, inputs_of, labels_of, photographs
from cost import SIDE, decoding_rate, matrix_product_rate, memory_rate, operations_of_pass
from snellen.attacks.attack import png_bytes
from snellen.attacks.config import AttackConfig
from snellen.attacks.gradients import FusedGradients, GradientEngine, OpenVINOGradients, Query
from snellen.attacks.search import Criterion, log_probability_or_margin
from snellen.data.images import open_photo, read_image, to_image
from snellen.data.seen import SeenPhotograph
from snellen.data.transforms import TRANSFORMS, all_transforms, apply_transform, describe_transform
from snellen.models.classifier import Classifier
from snellen.models.predictions import softmax
from snellen.runs.files import write_bytes, write_json
from snellen.runs.provenance import hardware, versions

QUICK = 1.3
"""The least ratio of the fused copy's processor time to the graph's, for one gradient; 2 on quiet cores."""
STEPS = (5, 10, 20, 40)
"""How many steps a peer is given: the fewest of these that fool as many files as ours do."""
NETWORKS = ("tf_efficientnet_lite0", "mobilenetv3_small_100", "convnext_atto", "resnet50", "vit_tiny_patch16_224")
"""A network of each of these shapes, of timm's."""
TOLERANCE = 0.03
"""How far a class probability of a large photograph may be from the exact one."""


def interleaved(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, dict[str, float]]:
    """Median seconds of each way, of the processor and of the clock, in rounds of one after another."""
    taken: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            start = time.process_time(), time.perf_counter()
            way()
            taken[name].append((time.process_time() - start[0], time.perf_counter() - start[1]))
    return {
        name: {
            "processor": statistics.median(processor for processor, _ in times),
            "clock": statistics.median(clock for _, clock in times),
        }
        for name, times in taken.items()
    }


class Furthest(NamedTuple):
    """The transform whose answer is furthest from the exact one.

    Attributes:
        transform: the transform at its strength.
        probability: by how much a class probability differs.
        levels: mean distance of the network's inputs, in levels of 8 bits.
    """

    transform: str
    probability: float
    levels: float


def write(name: str, result: Mapping[str, object]) -> None:
    """Write a result with what it was measured on."""
    facts = {"threads": torch.get_num_threads(), "hardware": hardware(), "versions": versions()}
    write_json(RESULTS / f"limits-{name}.json", {**result, **facts})


def by_peer(classifier: Classifier, attacker: Attacker, paths: list[str], targets: torch.Tensor, steps: int) -> int:
    """Attack as a user of a peer would, and count the files that are seen as their target."""
    with tempfile.TemporaryDirectory() as folder:
        inputs = inputs_of(classifier, paths)
        labels = labels_of(classifier, inputs)
        files: list[Path] = []
        for values, label, target in zip(*(t.split(BATCH) for t in (inputs, labels, targets)), strict=True):
            for one in attacker(values, label, target, steps).mul(255).round().div(255):
                files.append(Path(folder) / f"{len(files)}.png")
                write_bytes(files[-1], png_bytes(to_image(one[None])))
        seen = labels_of(classifier, inputs_of(classifier, list(map(str, files))))
        return int((seen == targets).sum())


def whole(arguments: argparse.Namespace) -> None:
    """Whole attacks, ours and the peers', from files to verified files."""
    check_installed(arguments.peers)
    classifier = snellen.load(device="cpu")
    paths = photographs()[: arguments.images]
    config = AttackConfig("random", f"{EPSILON}/255")

    def ours() -> snellen.FolderResult:
        with tempfile.TemporaryDirectory() as folder:
            return snellen.attack_folder(classifier, paths, config, folder)

    found = ours()  # the first run converts the network
    # A gradient in the input alone takes two forward passes' operations.
    gradients, operations = sum(one.gradients for one in found.attacks), 2 * operations_of_pass(classifier)
    limits = {
        "operations_a_second_of_a_matrix_product": matrix_product_rate("float32", SIDE),
        "bytes_a_second_of_memory": memory_rate(),
        "photographs_decoded_a_second": decoding_rate(paths, 1.0),
        "operations_of_all_gradients": gradients * operations,
    }
    targets = torch.tensor([one.target.index for one in found.attacks if one.target])
    fooled = sum(one.attacked.success for one in found.attacks)
    ways: dict[str, Callable[[], object]] = {"snellen": ours}
    enough = {}
    for name in arguments.peers:
        attacker = PEERS[name](classifier)
        fewer = (s for s in STEPS[:-1] if by_peer(classifier, attacker, paths, targets, s) >= fooled)
        enough[name] = next(fewer, STEPS[-1])
        ways[name] = functools.partial(by_peer, classifier, attacker, paths, targets, enough[name])
    seconds = interleaved(ways, arguments.rounds)
    ratios = {
        clock: min((seconds[name][clock] for name in arguments.peers), default=float("nan")) / seconds["snellen"][clock]
        for clock in ("processor", "clock")
    }
    write(
        "whole",
        {"images": len(paths), "rounds": arguments.rounds, "engine": found.engine, "gradients": gradients,
         "fooled": fooled, "seconds": seconds, "steps_of_peers": enough, "ratios_to_best_peer": ratios,
         "limits": limits},
    )  # fmt: skip
    least = limits["operations_of_all_gradients"] / limits["operations_a_second_of_a_matrix_product"]
    print(f"{found.engine}; {seconds}; ratios to the best peer {ratios}; matrix products alone take {least:.2f} s")


def large(arguments: argparse.Namespace) -> None:
    """A photograph of 16 megapixels: what each costs beside decoding it, and how far its answers are from exact."""
    classifier = snellen.load(device="cpu")
    path = SHARED / "images" / "peppers.jpg"
    photo = open_photo(path)
    seen = SeenPhotograph(classifier.preprocessing, photo)

    def probabilities(inputs: torch.Tensor) -> torch.Tensor:
        with torch.inference_mode():
            return softmax(classifier.logits_from_inputs(inputs))[0]

    furthest, tops, exact_seconds = Furthest("", 0.0, 0.0), list[bool](), 0.0
    seconds_of: dict[str, float] = defaultdict(float)
    for transform in all_transforms()[:: arguments.every]:
        with torch.no_grad():
            start = time.process_time()
            exact = classifier.preprocessing.preprocess(apply_transform(photo.pixels, transform))
            other = probabilities(exact)
            exact_seconds += time.process_time() - start
            start = time.process_time()
            fast = seen.under(transform)
            seconds_of[transform[0]] += time.process_time() - start
        one = probabilities(fast)
        levels = float((fast - exact).abs().mean()) * 255
        apart = Furthest(describe_transform(transform), float((one - other).abs().max()), levels)
        furthest = max(furthest, apart, key=lambda one: one.probability)
        close = float(other.topk(2).values.diff().abs()) < 2 * TOLERANCE
        tops.append(close or int(one.argmax()) == int(other.argmax()))
    ways: dict[str, Callable[[], object]] = {
        "decode": lambda: read_image(path),
        "classify": lambda: snellen.classify(classifier, path),
        "stress": lambda: snellen.stress(classifier, path),
    }
    seconds = interleaved(ways, arguments.rounds)
    names = {name: len(one.ladder) for name, one in TRANSFORMS.items()}
    ratio = seconds["classify"]["processor"] / seconds["decode"]["processor"]
    write(
        "large",
        {"rounds": arguments.rounds, "seconds": seconds, "classify_over_decode": ratio, "furthest": furthest._asdict(),
         "exact_processor_seconds": exact_seconds, "seconds_of_transforms": seconds_of,
         "same_tops": all(tops), "tolerance": TOLERANCE, "transforms": names},
    )  # fmt: skip
    print(f"{seconds}; classify over decode {ratio:.1f}; furthest from exact {furthest}; same tops: {all(tops)}")


def all_of(engine: GradientEngine, queries: Sequence[Query]) -> None:
    """All answers of an engine."""
    deque(engine.run(queries), maxlen=0)


def networks(arguments: argparse.Namespace) -> None:
    """Gradients of networks of other kinds: as the peers take them, by the fused copy, by the graph."""
    from timm import create_model

    plain = snellen.load(device="cpu")
    inputs = torch.rand(BATCH, 3, *plain.preprocessing.size, generator=torch.Generator().manual_seed(0))
    queries = [Query(one[None], Criterion(0, 812), log_probability_or_margin) for one in inputs]
    rows = {}
    for name in NETWORKS:
        torch.manual_seed(0)
        network = create_model(name).eval()
        classifier = snellen.Classifier(network, plain.preprocessing, plain.labels, name=name, device="cpu")

        def eager(classifier: Classifier = classifier) -> None:
            points = inputs.clone().requires_grad_()
            torch.autograd.grad(classifier.logits_from_inputs(points).log_softmax(dim=1)[:, 812].sum(), points)

        with tempfile.TemporaryDirectory() as cache:
            os.environ["SNELLEN_CACHE"] = cache
            started = time.process_time()
            graph = OpenVINOGradients(classifier)
            making = time.process_time() - started
        engines: dict[str, GradientEngine] = {"fused": FusedGradients(classifier, "float32"), "graph": graph}
        ways: dict[str, Callable[[], object]] = {"eager": eager}
        for one, engine in engines.items():
            ways[one] = functools.partial(all_of, engine, queries)
        interleaved(ways, 1)
        seconds = interleaved(ways, arguments.rounds)
        of_one = {way: {clock: taken / BATCH for clock, taken in times.items()} for way, times in seconds.items()}
        # A gradient in the input alone takes two forward passes' operations.
        operations = 2 * operations_of_pass(classifier)
        rows[name] = {
            "seconds_of_a_gradient": of_one,
            "processor_seconds_of_making": making,
            "operations_of_a_gradient": operations,
        }
        print(name, rows[name])
        rate = matrix_product_rate("float32", SIDE)
        limits = {"operations_a_second_of_a_matrix_product": rate}
        write("networks", {"rounds": arguments.rounds, "batch": BATCH, "networks": rows, "limits": limits})


def quick(arguments: argparse.Namespace) -> None:
    """One gradient, by the graph and by the fused copy: a ratio that load does not move much."""
    torch.set_num_threads(1)
    classifier = snellen.load(device="cpu")
    inputs = torch.rand(1, 3, *classifier.preprocessing.size, generator=torch.Generator().manual_seed(0))
    queries = [Query(inputs, Criterion(0, 812), log_probability_or_margin)] * 4
    engines: dict[str, GradientEngine] = {
        "graph": OpenVINOGradients(classifier),
        "fused": FusedGradients(classifier, "float32"),
    }
    ways = {name: functools.partial(all_of, engine, queries) for name, engine in engines.items()}
    interleaved(ways, 1)
    seconds = interleaved(ways, arguments.rounds)
    ratio = seconds["fused"]["processor"] / seconds["graph"]["processor"]
    print(f"a gradient takes the fused copy {ratio:.2f} times the graph's processor time, at least {QUICK} promised")
    sys.exit(ratio < QUICK)


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    for measure in (whole, large, networks, quick):
        command = commands.add_parser(measure.__name__)
        command.set_defaults(measure=measure)
        command.add_argument("--images", type=int, default=32)
        command.add_argument("--rounds", type=int, default=3)
        command.add_argument("--every", type=int, default=1, help="Of the transforms, each so many-th.")
        command.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
    arguments = parser.parse_args()
    arguments.measure(arguments)


if __name__ == "__main__":
    main()
