"""How an exam slows down on cores that others use too: with four of them at work, beside none.

    python benchmarks/beside.py [--load 4] [--limit 1800]

Takes the quick exam on all cores, quietly and beside ``--load`` processes that never rest, once as the command line
has its threads wait (briefly, then asleep) and once as the OpenMP runtime would by itself. Writes
benchmarks/results/beside.json. The promise: at a load of 4 on two cores, at most 4 times the quiet time.
"""

import argparse
import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from snellen.runs.files import write_json
from snellen.runs.process import SPINS
from snellen.runs.provenance import cores, hardware, versions

OWN = {"GOMP_SPINCOUNT": "300000"}
"""What libgomp does where nobody says anything."""


@contextlib.contextmanager
def others(count: int) -> Iterator[None]:
    """So many processes that never rest."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


def seconds(load: int, environment: dict[str, str], limit: float) -> float:
    """Wall-clock time of the quick exam; infinite where it takes longer than ``limit``."""
    with tempfile.TemporaryDirectory() as folder, others(load):
        command = [sys.executable, "-m", "snellen", "exam", "--quick", "--out", str(Path(folder) / "exam")]
        started = time.perf_counter()
        try:
            subprocess.run(command, env=os.environ | environment, check=True, capture_output=True, timeout=limit)
        except subprocess.TimeoutExpired:
            return float("inf")
        return time.perf_counter() - started


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--load", type=int, default=4)
    parser.add_argument("--limit", type=float, default=1800, help="Seconds after which an exam is given up.")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "beside.json")
    options = parser.parse_args()
    ways = {"as the command line has it": {"GOMP_SPINCOUNT": SPINS}, "as the runtime has it": OWN}
    times = {
        name: {str(load): seconds(load, environment, options.limit) for load in (0, options.load)}
        for name, environment in ways.items()
    }
    loaded = str(options.load)
    ratios = {name: taken[loaded] / taken["0"] for name, taken in times.items()}
    result = {"seconds": times, "ratios": ratios, "load": options.load, "cores": cores(), "hardware": hardware()}
    write_json(options.out, result | {"versions": versions()})
    for name, taken in times.items():
        print(f"{name}: {taken['0']:.0f} s, beside {loaded}: {taken[loaded]:.0f} s, {ratios[name]:.1f} times")


if __name__ == "__main__":
    main()
