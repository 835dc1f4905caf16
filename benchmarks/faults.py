"""``kill -9`` at random moments of the long commands: each goes on, and ends where the undisturbed one ends.

    python benchmarks/faults.py [--kills 50] [--only train embed attack exam] [--photographs 8] [--seed 0]

Each command runs once undisturbed, then in rounds: killed up to three times at moments drawn evenly from the time
that is left to it, started again each time, and at last left to end. Then every file of its run is compared with the
undisturbed one's, those left half written among them: weights, features and pictures bit for bit, JSON apart from
what it says of time. Writes benchmarks/results/faults.json, beside commands that were disturbed earlier with
the same seed, machine and versions; ends with status 1 where anything differs.
"""

import argparse
import contextlib
import dataclasses
import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from PIL import Image

from snellen.data.photographs import bundled_photographs
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions
from snellen.runs.serialise import to_plain

RUN = "run"
MOST_KILLS_A_ROUND = 3
COMMANDS = {
    "train": "train digits --recipe batchnorm --epochs 12 --size 8 --batch 64 --device cpu --resume --out run",
    "embed": "embed digits --size 96 --out run/features.parquet",
    "attack": "attack photographs --target random --epsilon 8/255 --device cpu --out run",
    "exam": "exam exam.toml --out run",
}
EXAM = 'photographs = ["photographs/0.png", "photographs/1.png"]\ndevice = "cpu"\n'
# The checkpoint's and the manifest's own content is when and how fast; the report is drawn from the rest.
UNCOMPARED = ("checkpoint.safetensors", "manifest.json", "report.pdf", "report.html")
TIMES = re.compile("seconds|per_second|^started$|^made$|^minutes$")


@dataclasses.dataclass(frozen=True)
class Kill:
    """One kill: in which round, how long after it began to write, and how many files the run held then."""

    round: int
    seconds: float
    files: int


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What became of one command.

    Attributes:
        command: as typed.
        seconds: how long the undisturbed run writes.
        kills: every one.
        rounds: how many runs they were dealt to.
        files: how many files were compared in each round.
        differences: names of files that were not as the undisturbed run's.
    """

    command: str
    seconds: float
    kills: list[Kill]
    rounds: int
    files: int
    differences: list[str]


def prepare(folder: Path, photographs: int) -> None:
    """What the commands read, in ``folder``: small crops of the bundled photographs, and a configuration."""
    (folder / "photographs").mkdir(parents=True)
    (folder / "exam.toml").write_text(EXAM, encoding="utf-8")
    for number in range(photographs):
        shipped = bundled_photographs()[number % 4]
        left = 20 * (number // 4)
        with Image.open(shipped.path) as image:
            image.convert("RGB").crop((left, left, left + 280, left + 280)).save(
                folder / "photographs" / f"{number}.png"
            )


def start(command: str, folder: Path) -> subprocess.Popen[bytes]:
    """The command in a process group of its own, in ``folder``."""
    log = (folder / "log").open("wb")
    arguments = [sys.executable, "-m", "snellen", *command.split()]
    with log:
        return subprocess.Popen(arguments, cwd=folder, stdout=log, stderr=log, start_new_session=True)


def finish(process: subprocess.Popen[bytes], folder: Path) -> None:
    """Wait for the end, which must be a good one."""
    if process.wait() != 0:
        sys.exit(f"status {process.returncode}: {(folder / 'log').read_text(encoding='utf-8')[-2000:]}")


def begun(process: subprocess.Popen[bytes], folder: Path) -> float:
    """Wait until the command holds its folder; gives the time of that."""
    began = time.time()
    while process.poll() is None:
        with contextlib.suppress(FileNotFoundError):  # of an earlier process, and gone again
            if any(path.stat().st_mtime >= began for path in (folder / RUN).rglob(".snellen.lock")):
                break
        time.sleep(0.01)
    return time.perf_counter()


def frozen(command: str, folder: Path) -> float:
    """Run the command; how many seconds it writes."""
    process = start(command, folder)
    began = begun(process, folder)
    finish(process, folder)
    return time.perf_counter() - began


def killed(command: str, folder: Path, moment: float) -> bool:
    """Start the command and kill all of it ``moment`` seconds after it began to write; False where it had ended."""
    process = start(command, folder)
    begun(process, folder)
    try:
        process.wait(moment)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        return True
    finish(process, folder)
    return False


def content(folder: Path) -> dict[str, str]:
    """A digest of each file of a run, the half-written among them."""
    files = (path for path in sorted((folder / RUN).rglob("*")) if path.is_file() and path.name not in UNCOMPARED)
    return {str(path.relative_to(folder / RUN)): digest(path) for path in files}


def digest(path: Path) -> str:
    """SHA-256 of what a file says, apart from times."""
    if path.suffix == ".json":
        data = json.dumps(timeless(json.loads(path.read_text(encoding="utf-8")))).encode()
    elif path.suffix == ".parquet":
        data = repr(pq.read_table(path).to_pydict()).encode()
    else:
        data = path.read_bytes()
    return hashlib.sha256(data).hexdigest()


def timeless(value: Any) -> Any:
    """``value`` without the entries, and the columns of tables, that say when, how long or how fast."""
    if isinstance(value, dict):
        if isinstance(columns := value.get("columns"), list) and "rows" in value:
            kept = [index for index, name in enumerate(columns) if not TIMES.search(name)]
            value = value | {"rows": [[row[index] for index in kept] for row in value["rows"]]}
        return {key: timeless(item) for key, item in value.items() if not TIMES.search(key)}
    return [timeless(item) for item in value] if isinstance(value, list) else value


def disturb(name: str, kills: int, photographs: int, draw: random.Random, base: Path) -> Outcome:
    """Kill one command so many times, and compare."""
    command = COMMANDS[name]
    prepare(base / "whole", photographs)
    took = seconds = frozen(command, base / "whole")
    expected = content(base / "whole")
    done: list[Kill] = []
    differences: set[str] = set()
    rounds = 0
    while len(done) < kills:
        rounds += 1
        folder = base / f"round-{rounds}"
        prepare(folder, photographs)
        left = seconds
        for _ in range(min(MOST_KILLS_A_ROUND, kills - len(done))):
            moment = draw.uniform(0, left)
            if not killed(command, folder, moment):
                seconds -= left - moment  # it was faster than the undisturbed run
                break
            left -= moment  # at least so much is still to be done
            done.append(Kill(rounds, moment, len(list((folder / RUN).rglob("*")))))
        finish(start(command, folder), folder)
        found = content(folder)
        differences |= {file for file in {*expected, *found} if expected.get(file) != found.get(file)}
        print(f"{name}: round {rounds}, {len(done)} of {kills} kills, {len(differences)} differences", flush=True)
    return Outcome(f"snellen {command}", took, done, rounds, len(expected), sorted(differences))


def main(arguments: Sequence[str] | None = None) -> None:
    """Kill, compare, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--only", nargs="+", choices=COMMANDS, default=list(COMMANDS))
    parser.add_argument("--photographs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "faults.json")
    options = parser.parse_args(arguments)
    draw = random.Random(options.seed)
    outcomes: dict[str, Outcome] = {}
    for number, name in enumerate(options.only):
        kills = (options.kills + number) // len(options.only)
        with tempfile.TemporaryDirectory() as base:
            outcomes[name] = disturb(name, kills, options.photographs, draw, Path(base))
    same = {"seed": options.seed, "hardware": hardware(), "versions": versions()}
    earlier = json.loads(options.out.read_text(encoding="utf-8")) if options.out.is_file() else {}
    alike = all(earlier.get(key) == value for key, value in same.items())
    commands = (earlier["commands"] if alike else {}) | {name: to_plain(one) for name, one in outcomes.items()}
    kills = sum(len(one["kills"]) for one in commands.values())
    write_json(options.out, {"kills": kills, "commands": commands} | same)
    for name, one in outcomes.items():
        verdict = "the same" if not one.differences else f"differs: {', '.join(one.differences)}"
        print(f"{name:8}{len(one.kills):4} kills in {one.rounds} runs of {one.seconds:.0f} s: {verdict}")
    if any(one.differences for one in outcomes.values()):
        sys.exit(1)


if __name__ == "__main__":
    main()
