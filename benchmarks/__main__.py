"""All benchmarks: lists them, runs them one after another, and writes their tables.

    python benchmarks                    # those whose result is missing, or was made by other versions
    python benchmarks start embed        # only these
    python benchmarks --again start      # though nothing has changed
    python benchmarks --list             # what there is, what it promises, about how long it takes
    python benchmarks --tables           # docs/benchmarks.md of the results that are there; nothing is run

Run them on an otherwise idle machine. Killed and started again, it goes on with those that are missing. The peers come
from the package index, without their dependencies, into a folder of their own, so that the environment stays as it is.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from catalogue import BENCHMARKS, Benchmark, Result
from snellen.errors import did_you_mean
from snellen.runs.files import write_json, write_text
from snellen.runs.provenance import versions

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results"
PEERS = Path(__file__).parent / ".peers"
TABLES = ROOT / "docs" / "benchmarks.md"

_HEAD = """# Benchmarks

Made by `python benchmarks --tables` from `benchmarks/results/*.json`; no number on this page is typed by hand.
`make bench` runs what is missing and writes the page again. Times hold for the hardware that is named; what is
compared was run in turns on the same machine, with the same inputs.
"""


def read_result(benchmark: Benchmark) -> dict[str, Any] | None:
    """What the benchmark wrote; None where it has not."""
    path = RESULTS / f"{benchmark.name}.json"
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else None


def is_current(result: Result) -> bool:
    """Whether a result was made by the versions that are installed."""
    return all(result["versions"].get(package) == version for package, version in versions().items())


def tables() -> str:
    """The page of all results, as Markdown."""
    return "\n".join([_HEAD, *(section(benchmark, read_result(benchmark)) for benchmark in BENCHMARKS)])


def section(benchmark: Benchmark, result: Result | None) -> str:
    """One benchmark on the page."""
    lines = [f"## {benchmark.name}", "", benchmark.promise, ""]
    if result is None:
        lines += [f"Not measured yet: `python {benchmark.command}`, about {benchmark.minutes} minutes.", ""]
        return "\n".join(lines)
    head, *rows = benchmark.table(result)
    lines += [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *rows)]
    if benchmark.goals:
        lines += ["", *(f"- {goal.judged(result)}" for goal in benchmark.goals)]
    if why := benchmark.explained(result):
        lines += ["", why]
    made_by = ", ".join(f"{package} {version}" for package, version in result["versions"].items())
    lines += [
        "",
        f"n: {benchmark.n(result)}. {result['hardware']}{_beside(result)}. {result.get('date', 'Date not kept')}. "
        f"`python {benchmark.command}`",
        "",
        f"Versions: {made_by}.",
        "",
    ]
    return "\n".join(lines)


def _beside(result: Result) -> str:
    """What else the machine did meanwhile, where somebody noted it."""
    return f", beside {result['beside']}" if "beside" in result else ""


def run(benchmark: Benchmark) -> bool:
    """Run one, with its peers; stamp its result with the day and the command. False where it failed."""
    install(benchmark.peers)
    before = read_result(benchmark)
    path = os.pathsep.join(filter(None, (str(PEERS), os.environ.get("PYTHONPATH"))))
    done = subprocess.run(
        [sys.executable, *benchmark.command.split()], cwd=ROOT, env=os.environ | {"PYTHONPATH": path}, check=False
    )
    result = read_result(benchmark)
    if result is None or (done.returncode and result == before):
        return False
    today = datetime.datetime.now(datetime.UTC).date().isoformat()
    write_json(RESULTS / f"{benchmark.name}.json", result | {"date": today, "command": f"python {benchmark.command}"})
    return done.returncode == 0


def install(peers: Sequence[str]) -> None:
    """Put peers that are not there yet into their folder; the benchmark says which it then lacks."""
    kept = PEERS / "installed.json"
    there = json.loads(kept.read_text(encoding="utf-8")) if kept.is_file() else []
    missing = [peer for peer in peers if peer not in there]
    if missing:
        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(PEERS)]
        subprocess.run([*pip, *missing], check=True)
        write_json(kept, [*there, *missing])


def chosen(names: Sequence[str]) -> list[Benchmark]:
    """The benchmarks of these names; where there are none, all that this machine can be asked for."""
    known = {benchmark.name: benchmark for benchmark in BENCHMARKS}
    for name in names:
        if name not in known:
            sys.exit(f"no benchmark {name!r}: {did_you_mean(name, known) or ', '.join(known)}")
    return [known[name] for name in names] or [one for one in BENCHMARKS if not one.only_by_name]


def main() -> None:
    """List, run, write."""
    parser = argparse.ArgumentParser(prog="python benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--again", action="store_true", help="though the result was made by these versions")
    parser.add_argument("--list", action="store_true", help="only say what there is")
    parser.add_argument("--tables", action="store_true", help="only write docs/benchmarks.md")
    asked = parser.parse_args()
    if asked.tables:
        write_text(TABLES, tables())
        return
    failed = []
    for benchmark in chosen(asked.names):
        result = read_result(benchmark)
        current = result is not None and is_current(result)
        state = "measured" if current else "measured by other versions" if result is not None else "not measured"
        print(f"{benchmark.name} ({state}, {benchmark.minutes} minutes): {benchmark.promise}", flush=True)
        if asked.list:
            print(f"    python {benchmark.command}")
        elif asked.again or not current:
            failed += [] if run(benchmark) else [benchmark.name]
    if not asked.list:
        write_text(TABLES, tables())
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
