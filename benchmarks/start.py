"""How soon each command answers from a cold start, beside importing what it stands on, interleaved.

    python benchmarks/start.py [--repeats 10]

Writes benchmarks/results/start.json. The promises: help at most three times what typer and rich take to import, a
refused option within half a second, and a photograph's categories within 1.5 times a bare import of torch and timm.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from snellen.data.photographs import bundled_photographs
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

# Beside a CPU-only PyTorch, torchvision's wheel does not load without these; where it does, they are there already.
DECLARED = """
import contextlib, torch
library = torch.library.Library("torchvision", "FRAGMENT")
with contextlib.suppress(RuntimeError):
    for name in ("nms", "qnms"):
        library.define(name + "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
import timm
"""
IMPORTS = {"typer, rich": ["-c", "import typer, rich"], "torch, timm": ["-c", DECLARED]}
REFUSED = ("probe", "digits", "--engine", "tpu")


def commands(folder: Path) -> Mapping[str, list[str]]:
    """What is started, by what it is called in the table."""
    photograph, out = str(bundled_photographs()[0].path), str(folder / "out")
    asked = {
        "--help": ["--help"],
        "a refused option": [*REFUSED],
        "models": ["models"],
        "layers": ["layers"],
        "classify": ["classify", photograph],
        "features": ["features", photograph, "--out", f"{out}/features"],
        "attack": ["attack", photograph, "--untargeted", "--out", f"{out}/attack"],
        "stress": ["stress", photograph, "--out", f"{out}/stress"],
        "embed": ["embed", "digits", "--size", "32", "--out", f"{out}/embed/features.parquet"],
        "probe": ["probe", "digits", "--size", "32"],
    }
    return {f"snellen {name}": ["-m", "snellen", *arguments] for name, arguments in asked.items()}


def seconds(arguments: list[str], refused: bool) -> float:
    """Wall-clock time of a fresh Python with these arguments."""
    start = time.perf_counter()
    ended = subprocess.run([sys.executable, *arguments], capture_output=True)
    took = time.perf_counter() - start
    assert ended.returncode == (2 if refused else 0), ended.stderr
    return took


def once(folder: Path) -> dict[str, float]:
    """Each of them started once."""
    imports = {f"import {name}": arguments for name, arguments in IMPORTS.items()}
    return {
        name: seconds(arguments, arguments[2:] == [*REFUSED])
        for name, arguments in {**imports, **commands(folder)}.items()
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "start.json")
    options = parser.parse_args()
    runs = []
    for _ in range(options.repeats):
        with tempfile.TemporaryDirectory() as folder:
            runs.append(once(Path(folder)))
    medians = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    result = {
        "repeats": options.repeats,
        "median_seconds": medians,
        "help_over_its_imports": medians["snellen --help"] / medians["import typer, rich"],
        "refused_seconds": medians["snellen a refused option"],
        "classify_over_its_imports": medians["snellen classify"] / medians["import torch, timm"],
        "hardware": hardware(),
    }
    write_json(options.out, result | {"versions": versions()})
    print(*(f"{name}: {value:.3f} s" for name, value in medians.items()), sep="\n")


if __name__ == "__main__":
    main()
