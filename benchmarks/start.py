"""How long ``snellen --help`` takes beside importing typer and rich, interleaved.

    python benchmarks/start.py [--repeats 20]

Writes benchmarks/results/start.json. The promise: at most three times.
"""

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path

from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

COMMANDS = {"import typer, rich": ["-c", "import typer, rich"], "snellen --help": ["-m", "snellen", "--help"]}


def seconds(arguments: list[str]) -> float:
    """Wall-clock time of a fresh Python with these arguments."""
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=20)
    repeats = parser.parse_args().repeats
    runs = [{name: seconds(arguments) for name, arguments in COMMANDS.items()} for _ in range(repeats)]
    medians = {name: statistics.median(run[name] for run in runs) for name in COMMANDS}
    ratio = medians["snellen --help"] / medians["import typer, rich"]
    result = {"repeats": repeats, "median_seconds": medians, "ratio": ratio, "hardware": hardware()}
    write_json(Path(__file__).parent / "results" / "start.json", result | {"versions": versions()})
    print(*(f"{name}: {value:.3f} s" for name, value in medians.items()), f"ratio: {ratio:.2f}", sep="\n")


if __name__ == "__main__":
    main()
