"""The whole suite on one machine as other machines would run it: other instructions, one thread, another order.

    python tests/every_way.py [--only "at once" ...] [--pytest "-n 2 tests/test_runs.py"] [--out every_way.json]

Each way takes as long as ``make test``. What is done is kept in ``--out``, what it said in a log beside it, and not
done again; the last lines say what each way came to. Ways that this machine does not have (an instruction set, a second
user) are said and left out.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NOBODY = 65534
SHARED_OUT = "--numprocesses 2 --dist loadfile --no-loadscope-reorder"


@dataclass(frozen=True)
class Way:
    """How the suite is run.

    Attributes:
        what: it stands for.
        environment: variables that it sets.
        needs: instruction set that the processor must have, as Linux calls it; empty where any will do.
        elsewhere: whether it runs in a copy of the checkout whose path has a space.
        nobody: whether it runs as a user who may write nowhere but there.
    """

    what: str
    environment: Mapping[str, str] = field(default_factory=dict)
    needs: str = ""
    elsewhere: bool = False
    nobody: bool = False


def _instructions(aten: str, onednn: str) -> dict[str, str]:
    return {"ATEN_CPU_CAPABILITY": aten, "ONEDNN_MAX_CPU_ISA": onednn}


WAYS = {
    "as it is": Way("this machine"),
    "avx2": Way("a processor with no more than AVX2", _instructions("avx2", "AVX2"), "avx2"),
    "avx512": Way("one with AVX-512 and no more", _instructions("avx512", "AVX512_CORE"), "avx512f"),
    "one thread": Way("one core", {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}),
    "another order": Way("no test may lean on another", {"PYTHONHASHSEED": "12345", "SNELLEN_TEST_ORDER": "1"}),
    "another locale": Way("text that is not UTF-8", {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}),
    "a space": Way("a path with a space", elsewhere=True),
    "nobody": Way("a user who is not root, without a home", {"HOME": "/nonexistent"}, elsewhere=True, nobody=True),
}
# What holds here holds in each; where something fails, they tell which it was.
_TOGETHER = ("one thread", "another order", "another locale", "a space")
WAYS["at once"] = Way(
    f"{', '.join(_TOGETHER)} together",
    {name: value for way in _TOGETHER for name, value in WAYS[way].environment.items()},
    elsewhere=True,
)


def main() -> None:
    """Run the ways that are not done, and say what each came to."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", nargs="+", choices=WAYS, default=list(WAYS))
    parser.add_argument("--pytest", default=SHARED_OUT, help="Further arguments of pytest.")
    parser.add_argument("--out", type=Path, default=ROOT / "every_way.partial.json")
    options = parser.parse_args()
    done = json.loads(options.out.read_text(encoding="utf-8")) if options.out.exists() else {}
    for name in options.only:
        if name not in done:
            log = options.out.with_name(f"{options.out.stem} {name}.partial.log")
            done[name] = tried(WAYS[name], shlex.split(options.pytest), log)
            options.out.write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
        one = done[name]
        print(
            f"{name} ({WAYS[name].what}): {one['summary']}, {one['seconds'] / 60:.0f} minutes, Python {one['python']}"
        )
    sys.exit(any(done[name]["status"] for name in options.only))


def tried(way: Way, arguments: list[str], log: Path) -> dict[str, object]:
    """The suite's status, last line and time; all that it says is kept in ``log``."""
    reason = _lacks(way)
    if reason:
        return {"status": 0, "summary": f"left out: {reason}", "seconds": 0.0, "python": platform.python_version()}
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="every way ") as folder:
        cwd = _copy(Path(folder), way.nobody) if way.elsewhere else ROOT
        command = [sys.executable, "-m", "pytest", "-q", *arguments]
        environment = os.environ | way.environment | ({"PYTHONPATH": str(cwd / "src")} if way.elsewhere else {})
        with log.open("w", encoding="utf-8") as said:
            ended = subprocess.run(
                command, cwd=cwd, env=environment, stdout=said, stderr=subprocess.STDOUT, check=False,
                preexec_fn=_become_nobody if way.nobody else None,
            )  # fmt: skip
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    return {
        "status": ended.returncode,
        "summary": lines[-1].strip("= ") if lines else "said nothing",
        "failed": failed,
        "seconds": time.monotonic() - started,
        "python": platform.python_version(),
    }


def _lacks(way: Way) -> str:
    flags = Path("/proc/cpuinfo").read_text(encoding="utf-8") if Path("/proc/cpuinfo").exists() else ""
    if way.needs and way.needs not in flags.split():
        return f"this processor has no {way.needs}"
    if way.nobody and (not hasattr(os, "geteuid") or os.geteuid() != 0):
        return "only root can become another user"
    if way.nobody and not _readable_by_others(Path(sys.executable).resolve()):
        return f"others may not run {sys.executable}"
    return ""


def _readable_by_others(path: Path) -> bool:
    return all(part.stat().st_mode & 0o005 == 0o005 for part in (path, *path.parents))


def _copy(folder: Path, nobody: bool) -> Path:
    """The checkout, and what stands beside it, in a folder of their own."""
    ignored = shutil.ignore_patterns(".git", ".venv", "*.partial.json", "__pycache__", ".*_cache")
    shutil.copytree(ROOT, folder / "a checkout", ignore=ignored, symlinks=True)
    if (ROOT.parent / "shared").is_dir():
        (folder / "shared").symlink_to(ROOT.parent / "shared")
    if nobody:
        for path in (folder, *folder.rglob("*")):
            os.chown(path, _NOBODY, _NOBODY, follow_symlinks=False)
    return folder / "a checkout"


def _become_nobody() -> None:
    os.setgroups([])
    os.setgid(_NOBODY)
    os.setuid(_NOBODY)


if __name__ == "__main__":
    main()
