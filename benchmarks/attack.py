"""Attacks beside their peers: speed, success of the saved files, robustness, and a photograph of 16 megapixels.

    python benchmarks/attack.py speed                       # 3 minutes
    python benchmarks/attack.py success [--peers NAME...]   # 1 minute, and 5 for each peer
    python benchmarks/attack.py robust --epsilon 8/255      # 5 minutes; resumes
    python benchmarks/attack.py curve                       # 3 minutes; resumes
    python benchmarks/attack.py peppers                     # 1 minute

On two cores. Reads ../shared/data. Each writes benchmarks/results/attack-NAME.json. The peers (Foolbox 3.3.4,
torchattacks 3.5.1, adversarial-robustness-toolbox 1.20.1) are not dependencies of Snellen: install them with
``pip install --no-deps``, and with them eagerpy, GitPython, gitdb, smmap and six.

All attack the same network on the same photographs within the same bound with as many gradients. The peers work
on the network's input; their result is rounded to 8 bits and saved as PNG, as ours is. ``as input`` is what the
network makes of those values themselves, ``as a file`` what the ordinary classify path makes of the file.
"""

import argparse
import importlib
import importlib.metadata
import logging
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

import snellen
import snellen._torchvision  # the peers import torchvision
from cost import SIDE, matrix_product_rate, operations_of_pass
from snellen.attacks.apgd import apgd
from snellen.attacks.attack import png_bytes
from snellen.attacks.batch import AttackJob, SearchResult, run_jobs
from snellen.attacks.config import AttackConfig
from snellen.attacks.fused import fastest_precision
from snellen.attacks.gradients import FusedGradients, GradientEngine, choose_gradients
from snellen.attacks.search import Ball, Criterion, log_probability_or_margin
from snellen.data.images import pixels_from_bytes, read_image, to_image, to_pixels
from snellen.intervals import Rate
from snellen.models.classifier import Classifier
from snellen.runs.files import write_figure, write_json
from snellen.runs.provenance import hardware, versions

RESULTS = Path(__file__).parent / "results"
SHARED = Path(__file__).parents[2] / "shared" / "data"
EPSILON = 4
BATCH = 16

Attacker = Callable[[Tensor, Tensor, Tensor, int], Tensor]
"""From inputs (N, 3, h, w), labels, targets and a number of gradients to attacked inputs."""


def photographs() -> list[str]:
    """The 100 ImageNet photographs, one of each class, in order."""
    found = sorted(map(str, (SHARED / "imagenet-100").glob("*/*")))
    if not found:
        sys.exit(f"{SHARED}: no imagenet-100 there")
    return found


def write(name: str, result: Mapping[str, object]) -> None:
    """Write a result with what it was measured on."""
    peers = {}
    for package in ("foolbox", "torchattacks", "adversarial-robustness-toolbox"):
        try:
            peers[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            peers[package] = "not installed"
    write_json(RESULTS / f"attack-{name}.json", {**result, "hardware": hardware(), "versions": versions() | peers})


class Normalised(nn.Module):
    """What the peers are given: the network from inputs in [0, 1], channels last, its parameters frozen."""

    def __init__(self, classifier: Classifier) -> None:
        super().__init__()
        self.classifier = classifier
        self.network = classifier.network

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits of inputs."""
        normalised = self.classifier.preprocessing.normalise(inputs)
        logits: Tensor = self.network(normalised.contiguous(memory_format=torch.channels_last))
        return logits


def ours(classifier: Classifier, engine: GradientEngine) -> Attacker:
    """Our default search on inputs, which never ends early."""

    def run(inputs: Tensor, labels: Tensor, targets: Tensor, steps: int) -> Tensor:
        jobs = [
            AttackJob(
                apgd(Ball(one[None], EPSILON / 255), steps),
                Criterion(int(label), int(target)),
                log_probability_or_margin,
                lambda point: point,
                confidence=2.0,
            )
            for one, label, target in zip(inputs, labels, targets, strict=True)
        ]
        waiting = iter(jobs)
        reached = run_jobs(lambda: next(waiting, None), classifier, engine, BATCH)
        found = {job: s.point for job, s in reached if isinstance(s, SearchResult)}
        return torch.cat([found[job] for job in jobs])

    return run


def foolbox(classifier: Classifier) -> Attacker:
    """Foolbox's projected gradient descent, its own default step."""
    import foolbox as peer

    model = peer.PyTorchModel(Normalised(classifier).eval(), bounds=(0, 1), device=classifier.device)

    def run(inputs: Tensor, _: Tensor, targets: Tensor, steps: int) -> Tensor:
        attack = peer.attacks.LinfProjectedGradientDescentAttack(steps=steps)
        criterion = peer.criteria.TargetedMisclassification(targets)
        clipped: Tensor
        _, clipped, _ = attack(model, inputs, criterion, epsilons=EPSILON / 255)
        return clipped

    return run


def torchattacks(classifier: Classifier) -> Attacker:
    """Torchattacks' projected gradient descent, a step of a quarter of the bound as in its examples."""
    import torchattacks as peer

    model = Normalised(classifier).eval()

    def run(inputs: Tensor, _: Tensor, targets: Tensor, steps: int) -> Tensor:
        attack = peer.PGD(model, eps=EPSILON / 255, alpha=EPSILON / 255 / 4, steps=steps, random_start=True)
        attack.set_mode_targeted_by_label(quiet=True)
        attacked: Tensor = attack(inputs, targets)
        return attacked

    return run


def art(classifier: Classifier) -> Attacker:
    """The Adversarial Robustness Toolbox's projected gradient descent, a step of a quarter of the bound."""
    from art.attacks.evasion import ProjectedGradientDescentPyTorch
    from art.estimators.classification import PyTorchClassifier

    height, width = classifier.preprocessing.size
    model = PyTorchClassifier(
        model=Normalised(classifier).eval(),
        loss=nn.CrossEntropyLoss(),
        input_shape=(3, height, width),
        nb_classes=len(classifier.labels),
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )

    def run(inputs: Tensor, _: Tensor, targets: Tensor, steps: int) -> Tensor:
        attack = ProjectedGradientDescentPyTorch(
            model,
            norm=np.inf,
            eps=EPSILON / 255,
            eps_step=EPSILON / 255 / 4,
            max_iter=steps,
            targeted=True,
            num_random_init=1,
            batch_size=BATCH,
            verbose=False,
        )
        wanted = np.eye(len(classifier.labels), dtype=np.float32)[targets.numpy()]
        return torch.from_numpy(attack.generate(inputs.numpy(), wanted))

    return run


PEERS: Mapping[str, Callable[[Classifier], Attacker]] = {"foolbox": foolbox, "torchattacks": torchattacks, "art": art}


def check_installed(peers: Sequence[str]) -> None:
    """End with a line where one of the peers cannot be imported, before anything is measured."""
    for name in peers:
        try:
            importlib.import_module(name)
        except ImportError as error:
            sys.exit(f"{name} cannot be imported: {error}; --peers NAME... takes the others")


def inputs_of(classifier: Classifier, paths: Sequence[str]) -> Tensor:
    """Inputs (N, 3, h, w) of photographs, of 8-bit values."""
    inputs = [classifier.preprocessing.preprocess_image(read_image(path)) for path in paths]
    return pixels_from_bytes(np.stack(inputs))


def labels_of(classifier: Classifier, inputs: Tensor) -> Tensor:
    """What is seen in inputs (N,)."""
    with torch.no_grad():
        return torch.cat([classifier.logits_from_inputs(some).argmax(dim=1) for some in inputs.split(BATCH)])


def as_input_and_as_file(classifier: Classifier, attacked: Tensor, targets: Tensor) -> dict[str, Rate]:
    """Success of attacked inputs once they are 8-bit values, as the network's input and as files."""
    rounded = attacked.mul(255).round().div(255)
    direct = labels_of(classifier, rounded) == targets
    files = [png_bytes(to_image(one[None])) for one in rounded]
    seen = [answer.top.index for answer in snellen.classify(classifier, files, k=1)]
    through = [index == int(target) for index, target in zip(seen, targets, strict=True)]
    return {"as input": Rate.of(map(bool, direct)), "as a file": Rate.of(through)}


def speed(arguments: argparse.Namespace) -> None:
    """Gradients times photographs a second, all in one run, interleaved."""
    classifier = snellen.load(device="cpu")
    inputs = inputs_of(classifier, photographs()[: arguments.images])
    labels = labels_of(classifier, inputs)
    targets = (labels + torch.randint(1, 1000, labels.shape, generator=torch.Generator().manual_seed(0))) % 1000
    # What many photographs are worth, and what one is.
    chosen = choose_gradients(classifier, AttackConfig("random"), 100)
    fused = FusedGradients(classifier, fastest_precision(torch.device("cpu")))
    attackers = {f"snellen ({engine.name})": ours(classifier, engine) for engine in (fused, chosen)}
    attackers |= {name: PEERS[name](classifier) for name in arguments.peers}
    rates: dict[str, list[float]] = {name: [] for name in attackers}
    successes: dict[str, Rate] = {}
    for attacker in attackers.values():
        attacker(inputs, labels, targets, 1)  # the first pass prepares kernels
    for _ in range(arguments.repeats):
        for name, attacker in attackers.items():
            start = time.perf_counter()
            attacked = attacker(inputs, labels, targets, arguments.steps)
            rates[name].append(len(inputs) * arguments.steps / (time.perf_counter() - start))
            successes[name] = as_input_and_as_file(classifier, attacked, targets)["as input"]
    medians = {name: statistics.median(values) for name, values in rates.items()}
    best = max((medians[name] for name in arguments.peers), default=float("nan"))
    ratio = medians[f"snellen ({chosen.name})"] / best
    for name, median in medians.items():
        print(f"{name}: {median:.1f} gradients x photographs a second; successes {successes[name]}")
    print(f"ratio to the best peer: {ratio:.2f}")
    # A gradient in the input alone takes two forward passes' operations.
    most = matrix_product_rate("float32", SIDE) / (2 * operations_of_pass(classifier))
    write(
        "speed",
        {"images": len(inputs), "steps": arguments.steps, "epsilon": EPSILON, "repeats": arguments.repeats,
         "engine": f"snellen ({chosen.name})", "rates": rates, "medians": medians, "successes": successes,
         "ratio_to_best_peer": ratio, "gradients_a_second_of_matrix_products": most},
    )  # fmt: skip


def success(arguments: argparse.Namespace) -> None:
    """Targets seen in saved files, ours at the photographs' own size."""
    classifier = snellen.load(device="cpu")
    paths = photographs()[: arguments.images]
    config = snellen.AttackConfig("random", f"{EPSILON}/255", steps=arguments.steps)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        result = snellen.attack_folder(classifier, paths, config, folder)
        seconds = time.perf_counter() - start
    as_file = Rate.of(one.attacked.success for one in result.attacks)
    print(f"snellen: {as_file} as a file, {seconds:.0f} s. {result.discussion()}")
    peers: dict[str, object] = {}
    inputs = inputs_of(classifier, paths)
    targets = torch.tensor([one.target.index for one in result.attacks if one.target])
    labels = labels_of(classifier, inputs)
    for name in arguments.peers:
        attacker = PEERS[name](classifier)
        torch.manual_seed(0)
        np.random.seed(0)  # noqa: NPY002  # what the peer draws its random starts from
        start = time.perf_counter()
        parts = [attacker(v, y, t, arguments.steps) for v, y, t in _batches(inputs, labels, targets)]
        took = time.perf_counter() - start
        rates = as_input_and_as_file(classifier, torch.cat(parts), targets)
        peers[name] = {"seconds": took, **rates}
        print(f"{name}: {rates['as input']} as input, {rates['as a file']} as a file, {took:.0f} s")
    settings = {"images": len(paths), "steps": arguments.steps, "epsilon": EPSILON}
    mine = {"seconds": seconds, "as a file": as_file, "success_rates": result.success_rates}
    write("success", {**settings, "snellen": mine, "peers": peers})


def _batches(*tensors: Tensor) -> list[tuple[Tensor, ...]]:
    return list(zip(*(tensor.split(BATCH) for tensor in tensors), strict=True))


def robust(arguments: argparse.Namespace) -> None:
    """Held-out draws of the assignment's four transforms, robust and plain."""
    classifier = snellen.load(device="cpu")
    paths = photographs()[:: max(1, 100 // arguments.images)][: arguments.images]
    config = snellen.AttackConfig("random", arguments.epsilon, robust=True)
    name = f"robust-{arguments.epsilon.replace('/', '-')}"
    start = time.perf_counter()
    result = snellen.attack_folder(classifier, paths, config, arguments.work / name)
    seconds = time.perf_counter() - start
    by_transform = {}
    for transform in (one.transform for one in result.attacks[0].held_out):
        held_out = [one for attack in result.attacks for one in attack.held_out if one.transform == transform]
        draws = sum(one.draws for one in held_out)
        by_transform[transform] = {
            "robust": Rate.of_count(sum(one.successes for one in held_out), draws),
            "plain": Rate.of_count(sum(one.plain_successes for one in held_out), draws),
        }
    for transform, rates in by_transform.items():
        print(f"{transform}: robust {rates['robust']}, plain {rates['plain']}")
    print(f"{len(result.attacks) - result.resumed} photographs in {seconds:.0f} s. {result.discussion()}")
    settings = {"images": len(paths), "epsilon": arguments.epsilon, "resumed": result.resumed, "seconds": seconds}
    write(name, {**settings, "by_transform": by_transform, "success_rates": result.success_rates})


def curve(arguments: argparse.Namespace) -> None:
    """The security curve of the 100 photographs: the smallest bound for each."""
    classifier = snellen.load(device="cpu")
    paths = photographs()[: arguments.images]
    start = time.perf_counter()
    result = snellen.attack_folder(classifier, paths, snellen.AttackConfig("random", "min"), arguments.work / "curve")
    write_figure(RESULTS / "attack-curve.png", result.plot())
    print(result.discussion())
    seconds = time.perf_counter() - start
    settings = {"images": len(paths), "resumed": result.resumed, "seconds": seconds}
    write("curve", {**settings, "success_rates": result.success_rates})


def peppers(_: argparse.Namespace) -> None:
    """The command on 16 megapixels: wall-clock time and peak memory of the process."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["attack", str(SHARED / "images" / "peppers.jpg"), "-t", "space shuttle", "-e", "4/255", "-o", folder]
        start = time.perf_counter()
        subprocess.run([sys.executable, "-m", "snellen", *command], check=True)
        seconds = time.perf_counter() - start
        pixels = to_pixels(read_image(Path(folder) / "adversarial.png")).shape
    gigabytes = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024 / 1e9
    print(f"{seconds:.1f} s, {gigabytes:.2f} GB at most, {pixels[3]} x {pixels[2]} pixels")
    write("peppers", {"seconds": seconds, "peak_gigabytes": gigabytes, "epsilon": EPSILON})


def main() -> None:
    """Run one of the measurements."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    measures = ((speed, 16, 10), (success, 100, 40), (robust, 20, 0), (curve, 100, 0), (peppers, 1, 0))
    for measure, images, steps in measures:
        command = commands.add_parser(measure.__name__)
        command.set_defaults(measure=measure)
        command.add_argument("--images", type=int, default=images)
        command.add_argument("--steps", type=int, default=steps)
        command.add_argument("--repeats", type=int, default=3)
        command.add_argument("--epsilon", default="8/255")
        command.add_argument("--peers", nargs="*", default=list(PEERS), choices=list(PEERS))
        command.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "snellen-attack")
    arguments = parser.parse_args()
    # The peers warn about their own dependencies.
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    check_installed(arguments.peers)
    arguments.measure(arguments)


if __name__ == "__main__":
    main()
