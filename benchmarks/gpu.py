"""Everything that a GPU is to show, in ten minutes of one H100; `benchmarks/gpu.sh` sets up a bare machine for it.

    python benchmarks/gpu.py [PIECE...] [--again] [--minutes 9.5] [--dry-run]

One piece after another, the most important first, each in a process of its own that ends at its limit. What a piece
found, or why it found nothing, is written to benchmarks/results/gpu.json at once; started again, it goes on with the
pieces that have no result. Reads ../shared/data (`--data`). Peers, each where it is installed: airbench 0.1.8, Foolbox
3.3.4, torchattacks 3.5.1, timm. airbench's own functions are called, on the same images, after its own warm-up.

``--dry-run`` takes every piece through the same calls on a CPU, with a few images and epochs, and writes to
runs/gpu/dry-run/result.json: it shows that the calls are right, and no figure of it means anything.
"""

import argparse
import contextlib
import dataclasses
import datetime
import functools
import importlib
import json
import multiprocessing
import os
import shutil
import signal
import statistics
import subprocess
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import torch
from torch import nn

import snellen
import snellen._torchvision  # before torchvision
from photographs import all_read
from snellen.data.datasets.base import Example
from snellen.errors import SnellenError, did_you_mean
from snellen.inference.engines import TorchEngine
from snellen.inference.features import embed_each
from snellen.runs.files import write_json
from snellen.runs.progress import Progress
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import to_plain
from snellen.training.data import InMemoryDataset
from snellen.training.recipe import read_recipe
from snellen.training.trainer import train
from trainings import decoded

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
DRY_RECIPE: dict[str, Any] = {"epochs": 4, "batch": 32, "network_options": {"widths": [8, 16, 16]}}
"""What `deep` becomes in a dry run."""
LONG_EPOCHS = 40
"""Of the run of `deep` that aims at the second point, 96%: as many as airbench96 takes."""
QUICK_EPOCHS = 9
"""Of the runs that aim at airbench94's accuracy in less time."""


@dataclass(frozen=True)
class Bench:
    """Where the pieces run and what they work on.

    Attributes:
        device: ``cuda``; ``cpu`` in a dry run.
        data: folder of the real data.
        work: folder for what pieces leave to each other.
    """

    device: str
    data: Path
    work: Path

    @property
    def dry(self) -> bool:
        """Whether only the calls are tried, with hardly any images."""
        return self.device == "cpu"

    def cifar10(self) -> InMemoryDataset:
        """CIFAR-10 in memory, decoded once for all pieces; noise in a dry run."""
        return _few(self.data / "cifar10") if self.dry else decoded(str(self.data / "cifar10"), 32)

    def photographs(self) -> list[str]:
        """The 100 ImageNet photographs; four in a dry run."""
        found = sorted(map(str, (self.data / "imagenet-100").glob("*/*")))
        if not found:
            raise SnellenError(f"{self.data}: no imagenet-100 there")
        return found[:4] if self.dry else found

    def wait(self) -> None:
        """Until the device has done what it was given."""
        if not self.dry:
            torch.cuda.synchronize()


def _few(folder: Path) -> InMemoryDataset:
    """64 training and 32 test images of noise, where the calls are all that counts."""
    from snellen.data.labels import numbered_labels
    from snellen.data.preprocessing import Preprocessing
    from snellen.training.data import InMemorySplit

    generator = torch.Generator().manual_seed(0)
    train_split, test_split = (
        InMemorySplit(
            torch.randint(0, 256, (count, 32, 32, 3), dtype=torch.uint8, generator=generator),
            torch.arange(count) % 10,
        )
        for count in (64, 32)
    )
    shape = Preprocessing((32, 32), 1.0, "bicubic", (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616))
    return InMemoryDataset(folder.name, train_split, test_split, numbered_labels(10), shape, "0" * 16, "Noise.", "", ())


class Notes(Progress):
    """Keeps the lines that are no epoch's."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """Print and keep a line."""
        print(line, flush=True)
        if not line.startswith("epoch "):
            self.lines.append(line)


# The pieces. Each takes the bench and gives what goes into the file.


def machine(bench: Bench) -> dict[str, Any]:
    """What this was measured on."""
    facts: dict[str, Any] = {"torch": torch.__version__, "bfloat16": None}
    if not bench.dry:
        found = torch.cuda.get_device_properties(0)
        facts |= {
            "gpu": found.name,
            "gigabytes": found.total_memory / 1e9,
            "multiprocessors": found.multi_processor_count,
            "cuda": torch.version.cuda,
            "cudnn": torch.backends.cudnn.version(),
            "bfloat16": torch.cuda.is_bf16_supported(including_emulation=False),
        }
    for name in ("triton", "airbench", "foolbox", "torchattacks", "timm", "accelerate"):
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            facts[name] = importlib.metadata.version(name)
    return facts


def tests(bench: Bench) -> dict[str, Any]:
    """Every test that needs CUDA."""
    files = [
        str(path)
        for path in sorted((ROOT / "tests").glob("test_*.py"))
        if "mark.cuda" in path.read_text(encoding="utf-8")
    ]
    # Another PyTorch's warnings are no failures here.
    options = ["-m", "cuda", "-v", "-p", "no:cacheprovider", "-W", "default", "-rfEs", *files]
    environment = os.environ | ({"SNELLEN_CUDA_TESTS_ON": "cpu"} if bench.dry else {})
    # What it prints goes to the piece's log, where it stays if it does not end in time.
    done = subprocess.run([sys.executable, "-m", "pytest", *options], cwd=ROOT, env=environment)
    lines = (bench.work / "tests.log").read_text(encoding="utf-8").strip().splitlines()
    said = [line for line in lines if line.startswith(("FAILED", "ERROR", "SKIPPED"))]
    if done.returncode:
        raise SnellenError(f"pytest ended with status {done.returncode}: {lines[-1]}; {'; '.join(said)}")
    return {"summary": lines[-1].strip("= "), "skipped": [line for line in said if line.startswith("SKIPPED")]}


def data(bench: Bench) -> dict[str, Any]:
    """Decode CIFAR-10, once for Snellen and in the form that airbench reads."""
    found = bench.cifar10()
    folder = bench.work / "cifar10"
    folder.mkdir(exist_ok=True)
    for name, split in (("train", found.train), ("test", found.test)):
        tensors = {"images": split.images, "labels": split.targets, "classes": list(found.labels)}
        torch.save(tensors, folder / f"{name}.pt")
    return {"train": len(found.train), "test": len(found.test), "fingerprint": found.fingerprint}


def deep(bench: Bench, name: str, seed: int, **changes: Any) -> dict[str, Any]:
    """Train `deep` once, as ``snellen train --tta`` does, and test it."""
    found = bench.cifar10()
    recipe = read_recipe("deep", **changes | (DRY_RECIPE if bench.dry else {}))
    notes = Notes()
    started = time.perf_counter()
    result = train(
        found, recipe, out=bench.work / name, seed=seed, resume=True, tta=True, device=bench.device, progress=notes
    ).result
    epochs = [epoch.seconds for epoch in result.history]
    return {
        "epochs": recipe.epochs,
        "accuracy": to_plain(result.test.accuracy),
        "accuracy_tta": None if result.test_tta is None else to_plain(result.test_tta.accuracy),
        "training_seconds": sum(epochs),
        "epoch_seconds": epochs,
        "seconds_with_all": time.perf_counter() - started,
        "last_loss": result.history[-1].loss,
        "precision": result.precision,
        "notes": notes.lines,
    }


def quick(bench: Bench) -> dict[str, Any]:
    """`deep`'s recipe with one network of airbench94's widths and as many epochs: three seeds."""
    changes = {"epochs": QUICK_EPOCHS, "network_options": {"widths": [64, 256, 256]}}
    return {"runs": [deep(bench, f"quick-{seed}", seed, **changes) for seed in range(3)]}


def airbench(bench: Bench, percent: int, runs: int) -> dict[str, Any]:
    """The peer's own training by its own functions, after its own warm-up, on the same images."""
    os.chdir(bench.work)  # it reads ./cifar10/train.pt
    with _on_cpu() if bench.dry else contextlib.nullcontext():
        peer = importlib.import_module("airbench")
        library = importlib.import_module(f"airbench.lib_airbench{percent}")
        training, settings = getattr(peer, f"train{percent}"), library.hyp
        # As it makes its own, but for the size of a batch where there are hardly any images.
        batch = 16 if bench.dry else settings["opt"]["batch_size"]
        narrow = {"widths": dict.fromkeys(settings["net"]["widths"], 8)}
        own_network = getattr(peer, f"make_net{percent}")
        shorter = {"epochs": 2, "make_net": lambda: own_network(**narrow)} if bench.dry else {}
        test = peer.CifarLoader("cifar10", train=False, batch_size=2000)
        rows = []
        for run in range(-1, runs):
            torch.manual_seed(run + 1)
            loader = peer.CifarLoader("cifar10", train=True, batch_size=batch, aug=settings["aug"], altflip=True)
            bench.wait()
            started = time.perf_counter()
            network = training(loader, run=run, verbose=False, **shorter | ({"epochs": 1} if run < 0 else {}))
            bench.wait()
            seconds = time.perf_counter() - started
            if run >= 0:
                rows.append(
                    {
                        "training_seconds": seconds,
                        "accuracy": peer.evaluate(network, test, 0),
                        "accuracy_tta": peer.evaluate(network, test, settings["net"]["tta_level"]),
                    }
                )
    return {"runs": rows, "epochs": settings["opt"]["train_epochs"]}


@contextlib.contextmanager
def _on_cpu() -> Iterator[None]:
    """For a dry run: what asks for CUDA by name stays where it is, and in float32."""

    class Event:
        def __init__(self, enable_timing: bool = False) -> None:
            del enable_timing

        def record(self) -> None:
            """Nothing to record."""

        def elapsed_time(self, _: object) -> float:
            return 0.0

    loader = importlib.import_module("airbench.utils").CifarLoader.__init__
    patches = (
        (nn.Module, "cuda", lambda module: module),
        (nn.Module, "half", lambda module: module),
        (torch.Tensor, "half", torch.Tensor.float),
        (torch.cuda, "Event", Event),
        (torch.cuda, "synchronize", lambda: None),
        (loader, "__defaults__", (*loader.__defaults__[:-1], "cpu")),
    )
    with contextlib.ExitStack() as stack:
        for owner, name, value in patches:
            stack.enter_context(mock.patch.object(owner, name, value))
        yield


def loops(bench: Bench, network: str) -> dict[str, Any]:
    """Images a second of our loop, of a stock loop and of a fixed batch, interleaved; see benchmarks/train.py."""
    from train import fixed_loop, our_loop, stock_loop

    batch, count, rounds = (32, 64, 1) if bench.dry else (1000 if network == "deep" else 128, 20_000, 3)
    found = bench.cifar10().train
    some = torch.arange(count // batch * batch)
    images, targets = found.images[some].numpy(), found.targets[some].numpy()
    changes: dict[str, Any] = {"batch": batch, "epochs": 1}
    if bench.dry and network == "deep":
        changes["network_options"] = DRY_RECIPE["network_options"]
    read = read_recipe(network, **changes)
    recipe = dataclasses.replace(read, progressive_resizing=type(read.progressive_resizing)())
    makers = {"stock": stock_loop, "snellen": our_loop, "fixed batch": fixed_loop}
    epochs = {name: make(recipe, images, targets, bench.device) for name, make in makers.items()}
    return {"batch": batch, "images": len(images), **_rates(bench, epochs, len(images), rounds)}


def _rates(bench: Bench, ways: Mapping[str, Callable[[], object]], count: int, rounds: int) -> dict[str, Any]:
    """How many of ``count`` a second each way does: medians of interleaved rounds, after one that warms up."""
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 1):
        for name, way in ways.items():
            bench.wait()
            started = time.perf_counter()
            way()
            bench.wait()
            if number:
                rates[name].append(count / (time.perf_counter() - started))
    return {"rates": rates, "medians": {name: statistics.median(found) for name, found in rates.items()}}


def attack(bench: Bench) -> dict[str, Any]:
    """Gradients times photographs a second beside the peers; the peers take all photographs in one batch."""
    from attack import PEERS, inputs_of, labels_of, ours
    from snellen.attacks.config import AttackConfig
    from snellen.attacks.gradients import choose_gradients

    classifier = snellen.load(device=bench.device)
    inputs = inputs_of(classifier, bench.photographs()).to(bench.device)
    labels = labels_of(classifier, inputs)
    targets = (labels + 500) % 1000
    steps, rounds = (2, 1) if bench.dry else (20, 3)
    engine = choose_gradients(classifier, AttackConfig("random"), len(inputs))
    attackers = {f"snellen ({engine.name})": ours(classifier, engine)}
    absent = {}
    for name in ("foolbox", "torchattacks"):
        try:
            attackers[name] = PEERS[name](classifier)
        except ImportError as error:
            absent[name] = str(error)
    ways = {name: functools.partial(attacker, inputs, labels, targets, steps) for name, attacker in attackers.items()}
    found = _rates(bench, ways, len(inputs) * steps, rounds)
    hits = {name: int((labels_of(classifier, way()).to(targets) == targets).sum()) for name, way in ways.items()}
    return {"images": len(inputs), "steps": steps, "absent": absent, "targets_seen": hits, **found}


def embed(bench: Bench) -> dict[str, Any]:
    """From files to features: ours beside timm's network, compiled, fed by PyTorch's loader."""
    import timm
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    classifier = snellen.load(device=bench.device)
    paths = bench.photographs()
    work = paths * (1 if bench.dry else 10)
    network = timm.create_model(classifier.name, pretrained=False).eval()
    network.load_state_dict({name: value.cpu() for name, value in classifier.network.state_dict().items()})
    transform = create_transform(**resolve_data_config({}, model=network))
    network = network.to(bench.device)

    class Files(torch.utils.data.Dataset[torch.Tensor]):
        def __len__(self) -> int:
            return len(work)

        def __getitem__(self, index: int) -> torch.Tensor:
            with Image.open(work[index]) as image:
                transformed: torch.Tensor = transform(image.convert("RGB"))
            return transformed

    def features(batch: torch.Tensor) -> torch.Tensor:
        pooled: torch.Tensor = network.forward_head(network.forward_features(batch), pre_logits=True)
        return pooled

    compiled = features if bench.dry else torch.compile(features)
    workers = 0 if bench.dry else min(8, os.cpu_count() or 1)

    def theirs(run: Callable[[torch.Tensor], torch.Tensor]) -> np.ndarray:
        loader = torch.utils.data.DataLoader(
            Files(),
            100,
            num_workers=workers,
            multiprocessing_context="fork" if workers else None,
            pin_memory=workers > 0,
        )
        with torch.inference_mode():
            return torch.cat([run(batch.to(bench.device)).cpu() for batch in loader]).numpy()

    def mine(engine: TorchEngine) -> np.ndarray:
        examples = (Example(path, None, path) for path in work)
        return np.stack([one.features for one in all_read(embed_each(engine, classifier, examples))])

    exact, rough = TorchEngine(classifier), TorchEngine(classifier, "bfloat16")
    ways = {
        "snellen": lambda: mine(exact),
        "snellen, bfloat16": lambda: mine(rough),
        "timm, compiled": lambda: theirs(compiled),
        "timm, eager": lambda: theirs(features),
    }
    found = _rates(bench, ways, len(work), 1 if bench.dry else 2)
    one, other = mine(exact)[: len(paths)], theirs(features)[: len(paths)]
    cosines = (one * other).sum(1) / np.linalg.norm(one, axis=1) / np.linalg.norm(other, axis=1)
    return {"images": len(work), "smallest_cosine_to_timm": float(cosines.min()), **found}


def exam(bench: Bench) -> dict[str, Any]:
    """The quick exam, once, by its command; in a dry run only whether its report can be set."""
    if bench.dry:
        importlib.import_module("typst")
    options = ["--help"] if bench.dry else ["--quick", "--device", bench.device, "--out", str(bench.work / "exam")]
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "snellen", "exam", *options], cwd=bench.work, capture_output=True, text=True
    )
    print(done.stdout, done.stderr)
    if done.returncode:
        raise SnellenError(done.stderr.strip().splitlines()[-1])
    return {"seconds": time.perf_counter() - started, "findings": done.stdout.strip().splitlines()[-8:]}


PRELOADED = ("timm", "torch._dynamo", "snellen.models.classifier", "attack", "train")
"""What most pieces need, imported before they part; nothing that looks for a GPU or starts threads."""
PIECES: Mapping[str, tuple[Callable[[Bench], dict[str, Any]], float]] = {
    "machine": (machine, 30),
    "tests": (tests, 120),
    "data": (data, 60),
    # The first of them fills the compiler's cache, which lies on disk.
    "deep-0": (lambda bench: deep(bench, "deep-0", 0), 150),
    "airbench94": (lambda bench: airbench(bench, 94, 3), 60),
    "quick": (quick, 90),
    "deep-1": (lambda bench: deep(bench, "deep-1", 1), 90),
    "deep-2": (lambda bench: deep(bench, "deep-2", 2), 90),
    "attack": (attack, 120),
    "embed": (embed, 150),
    "train-plain": (lambda bench: loops(bench, "plain"), 60),
    "train-batchnorm": (lambda bench: loops(bench, "batchnorm"), 60),
    "airbench96": (lambda bench: airbench(bench, 96, 1), 60),
    "deep-long": (lambda bench: deep(bench, "deep-long", 0, epochs=LONG_EPOCHS), 100),
    "train-deep": (lambda bench: loops(bench, "deep"), 60),
    "exam": (exam, 60),
}
"""Each piece, the most important first, and its limit in seconds."""


def run_piece(bench: Bench, name: str, limit: float) -> dict[str, Any]:
    """A piece in a process of its own, a fork of this one: its result, or its error; ended at its limit."""
    out, log = bench.work / f"{name}.json", bench.work / f"{name}.log"
    out.unlink(missing_ok=True)

    def child() -> None:
        os.setsid()
        with log.open("w") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
            try:
                found = PIECES[name][0](bench)
            except BaseException as error:
                # Whatever a piece meets is what it found.
                traceback.print_exc()
                found = {"error": f"{type(error).__name__}: {' '.join(str(error).split())[:400]}"}
            write_json(out, found)
            # Nothing that a library left running is waited for.
            sys.stdout.flush()
            os._exit(0)

    process = multiprocessing.get_context("fork").Process(target=child)
    started = time.perf_counter()
    process.start()
    assert process.pid is not None
    process.join(limit)
    seconds = time.perf_counter() - started
    # What it started goes with it.
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    process.kill()
    process.join()
    if out.is_file():
        return {**json.loads(out.read_text(encoding="utf-8")), "seconds": seconds}
    last = " | ".join(log.read_text(errors="replace").splitlines()[-3:]) if log.is_file() else ""
    ended = f"not done after {limit:g} s" if seconds >= limit else f"ended with status {process.exitcode}"
    return {"error": f"{ended}: {last[:300]}", "seconds": seconds}


def missing(dry: bool) -> str:
    """What stands in the way of all pieces, in one line; empty where nothing does."""
    if tuple(map(int, torch.__version__.split("+")[0].split(".")[:2])) < (2, 6):
        return f"torch {torch.__version__}: 2.6 or newer is needed"
    if not dry and not torch.backends.cuda.is_built():
        return f"torch {torch.__version__} is built without CUDA: `--dry-run` rehearses on the CPU"
    return ""


def main() -> None:
    """Run what has no result yet; write after each piece."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pieces", nargs="*", metavar="PIECE", help=f"only these: {', '.join(PIECES)}")
    parser.add_argument("--again", action="store_true", help="those with a result, too")
    parser.add_argument("--dry-run", action="store_true", help="on the CPU, with hardly any images")
    parser.add_argument("--minutes", type=float, default=9.5, help="no piece begins that might not end by then")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--work", type=Path, default=ROOT / "runs" / "gpu")
    parser.add_argument("--out", type=Path, default=None)
    asked = parser.parse_args()
    for name in asked.pieces:
        if name not in PIECES:
            parser.error(f"no piece {name!r}: {did_you_mean(name, PIECES) or ', '.join(PIECES)}")
    if line := missing(asked.dry_run):
        sys.exit(line)
    work = (asked.work / "dry-run" if asked.dry_run else asked.work).resolve()
    work.mkdir(parents=True, exist_ok=True)
    bench = Bench("cpu" if asked.dry_run else "cuda", asked.data.resolve(), work)
    # Compiled kernels outlast the process that compiled them.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(work / "inductor"))
    out = asked.out or (work / "result.json" if asked.dry_run else RESULTS / "gpu.json")
    result: dict[str, Any] = json.loads(out.read_text(encoding="utf-8")) if out.is_file() else {"pieces": {}}
    for name in PRELOADED:
        importlib.import_module(name)
    ends = time.monotonic() + 60 * asked.minutes * (10 if bench.dry else 1)
    for name in asked.pieces or PIECES:
        done = result["pieces"].get(name)
        if done and "error" not in done and not asked.again:
            continue
        if asked.again:
            shutil.rmtree(work / name, ignore_errors=True)
        left = ends - time.monotonic()
        limit = PIECES[name][1] * (10 if bench.dry else 1)
        found = run_piece(bench, name, min(limit, left)) if left > 10 else {"error": "no time was left"}
        if name == "machine" and "error" in found:
            sys.exit(f"no GPU to measure: {found['error']}")
        result["pieces"][name] = found
        facts = {"hardware": hardware(), "versions": versions()}
        today = datetime.datetime.now(datetime.UTC).date().isoformat()
        write_json(out, result | facts | {"date": today, "dry_run": asked.dry_run})
        said = {key: value for key, value in found.items() if key in ("error", "summary", "medians", "accuracy")}
        print(f"{name}, {found.get('seconds', 0):.1f} s: {said or 'done'}", flush=True)
    failed = [name for name, found in result["pieces"].items() if "error" in found]
    if failed:
        sys.exit(f"no result: {', '.join(failed)}; their output is in {work}")


if __name__ == "__main__":
    main()
