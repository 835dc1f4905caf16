"""Peak memory of each command, for some photographs and for four times as many: what grows with their number.

    python benchmarks/memory.py [--photographs 25]

Each command is a process of its own, from a cold start; the most memory that it held is what the system says when it
ends. Reads ../shared/data/imagenet-100; writes benchmarks/results/memory.json. The promise: a quarter more at most
for four times as many photographs.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from snellen.runs.files import write_json

DATA = Path(__file__).parents[2] / "shared" / "data" / "imagenet-100"
RESULT = Path(__file__).parent / "results" / "memory.json"
TIMES = 4


def commands(data: Path, out: Path) -> Mapping[str, list[object]]:
    """What is started on a folder of class folders, by what it is called in the table."""
    return {
        "classify": ["classify", data],
        "attack": ["attack", data, "--untargeted", "--steps", 10, "--out", out / "attack"],
        "stress": ["stress", data, "--out", out / "stress"],
        "evaluate": ["evaluate", data, "--out", out / "evaluate"],
        "embed": ["embed", data, "--out", out / "features.parquet"],
    }


def some_photographs(count: int, folder: Path) -> Path:
    """A folder of the first ``count`` class folders, each of one photograph."""
    for of_class in sorted(path for path in DATA.iterdir() if path.is_dir())[:count]:
        shutil.copytree(of_class, folder / of_class.name)
    return folder


def peak_mebibytes(arguments: list[object]) -> float:
    """The most memory that a fresh ``snellen`` with these arguments holds."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snellen", *map(str, arguments)], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, said.decode()
    return usage.ru_maxrss / 1024


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--photographs", type=int, default=25)
    asked = parser.parse_args()
    counts = (asked.photographs, TIMES * asked.photographs)
    peaks: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as folder:
        one = some_photographs(1, Path(folder, "photographs-1"))
        for arguments in commands(one, Path(folder, "out-1")).values():
            peak_mebibytes(arguments)  # what is converted once takes memory of its own
        for count in counts:
            data = some_photographs(count, Path(folder, f"photographs-{count}"))
            for name, arguments in commands(data, Path(folder, f"out-{count}")).items():
                peaks.setdefault(name, []).append(peak_mebibytes(arguments))
                print(name, count, f"{peaks[name][-1]:.0f} MiB", flush=True)
    from snellen.runs.provenance import hardware, versions  # imports much, and a child begins with its parent's peak

    write_json(
        RESULT,
        {"photographs": counts, "peak_mebibytes": peaks, "hardware": hardware(), "versions": versions()},
    )


if __name__ == "__main__":
    main()
