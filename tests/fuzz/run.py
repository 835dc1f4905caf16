"""Tries files in processes of their own, within limits of time and memory, and keeps the account.

A process takes a block of numbers. Before each file it writes the number where its parent sees it, so that a crash is
laid to the file that caused it, and the next process goes on behind it.
"""

import contextlib
import dataclasses
import faulthandler
import json
import multiprocessing
import os
import resource
import signal
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from ctypes import c_double
from multiprocessing.connection import wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import torch

from snellen.runs.files import write_json
from snellen.runs.process import end_with_parent, quiet_libraries

from .targets import BrokenRuleError, Target

SECONDS = 2.0
"""The most processor time that a file may take."""
MEBIBYTES = 2048
"""The most memory that a file may take, beside what the process had before."""
STALLED = 600.0
"""A file that takes so many seconds by the clock waits for something that never comes."""
BLOCK = 1000
_NUMBER, _STARTED, _ACCEPTED, _REFUSED, _SLOWEST, _SLOWEST_NUMBER, _PEAK = range(7)
_NO_MEMORY = "not enough memory"


@dataclasses.dataclass
class SuccessRates:
    """What became of one target's files.

    Attributes:
        blocks: the first numbers of those blocks that are done.
        accepted, refused: how many files.
        slowest, slowest_number: most seconds of processor time of a file, and which.
        peak: most MiB that a process took beside what it had before.
        findings: what broke the rule: kind, number, what was seen.
    """

    blocks: list[int] = dataclasses.field(default_factory=list)
    accepted: int = 0
    refused: int = 0
    slowest: float = 0.0
    slowest_number: int = 0
    peak: float = 0.0
    findings: list[tuple[str, int, str]] = dataclasses.field(default_factory=list)


def fuzz(
    chosen: list[Target], files: int, seed: int, workers: int, state: Path, tell: Callable[[str], None]
) -> dict[str, SuccessRates]:
    """Try so many files of each target; goes on where ``state``, written after each block, says that it stopped."""
    accounts = _read_state(state, seed, files)
    todo = [
        (target, start)
        for target in chosen
        for start in range(0, files, BLOCK)
        if start not in accounts.setdefault(target.name, SuccessRates()).blocks
    ]
    running: list[_Block] = []
    while todo or running:
        while todo and len(running) < workers:
            target, start = todo.pop(0)
            running.append(_Block(target, seed, start, min(start + BLOCK, files)))
        wait([block.process.sentinel for block in running], timeout=1)
        for block in list(running):
            if block.over(accounts[block.target.name]):
                running.remove(block)
                accounts[block.target.name].blocks.append(block.first)
                write_json(state, {"seed": seed, "files": files, "accounts": accounts})
                done = sum(len(account.blocks) for account in accounts.values())
                tell(f"{block.target.name}: {min(block.first + BLOCK, files):,} of {files:,} ({done} blocks in all)")
    return {target.name: accounts[target.name] for target in chosen}


def _read_state(path: Path, seed: int, files: int) -> dict[str, SuccessRates]:
    if not path.is_file():
        return {}
    values: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if (values["seed"], values["files"]) != (seed, files):
        sys.exit(f"{path}: was begun with seed {values['seed']} and {values['files']} files; delete it to begin again")
    return {name: SuccessRates(**account) for name, account in values["accounts"].items()}


class _Block:
    """Files ``first`` to ``end`` of a target, however many processes they take."""

    def __init__(self, target: Target, seed: int, first: int, end: int) -> None:
        self.target, self.first = target, first
        self._seed, self._end = seed, end
        self.process: BaseProcess
        self._start(first)

    def _start(self, number: int) -> None:
        context = multiprocessing.get_context("fork")
        self._seen = context.RawArray(c_double, 7)
        self._seen[_NUMBER], self._seen[_STARTED] = number, time.monotonic()
        self._pipe, theirs = context.Pipe(duplex=False)
        arguments = (self.target, self._seed, number, self._end, self._seen, theirs)
        self.process = context.Process(target=_work, args=arguments)
        with warnings.catch_warnings():
            # Python warns of threads at a fork; PyTorch's are not there in the new process, which asks for none.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.process.start()
        theirs.close()

    def over(self, account: SuccessRates) -> bool:
        """Whether the block is done; where its process has died early, another is started behind the file."""
        self._collect(account)
        stalled = time.monotonic() - self._seen[_STARTED] > STALLED
        if self.process.is_alive() and not stalled:
            return False
        if stalled:
            self.process.kill()
        self.process.join()
        self._collect(account)
        account.accepted += int(self._seen[_ACCEPTED])
        account.refused += int(self._seen[_REFUSED])
        account.peak = max(account.peak, self._seen[_PEAK])
        if self._seen[_SLOWEST] > account.slowest:
            account.slowest, account.slowest_number = self._seen[_SLOWEST], int(self._seen[_SLOWEST_NUMBER])
        status, number = self.process.exitcode, int(self._seen[_NUMBER])
        if status == 0:
            return True
        kind = "hang" if stalled or status == -signal.SIGPROF else "crash"
        account.findings.append((kind, number, f"status {status}"))
        if number + 1 >= self._end:
            return True
        self._start(number + 1)
        return False

    def _collect(self, account: SuccessRates) -> None:
        """Take what the process has found; it waits where nobody does."""
        with contextlib.suppress(EOFError):
            while self._pipe.poll():
                account.findings.append(self._pipe.recv())


def _work(target: Target, seed: int, start: int, end: int, seen: Any, pipe: Any) -> None:
    """Try files; all that is found goes through the pipe, the rest is written to ``seen``."""
    end_with_parent()
    torch.set_num_threads(1)  # a forked process would wait for its parent's for ever
    quiet_libraries()
    target.prepare()
    before = _quietly_limited()
    with tempfile.TemporaryDirectory() as folder, tempfile.TemporaryFile() as noise:
        os.dup2(noise.fileno(), 2)
        path = Path(folder) / f"file.{target.ending}"
        for number in range(start, end):
            path.write_bytes(target.file(seed, number))
            seen[_NUMBER], seen[_STARTED] = number, time.monotonic()
            signal.setitimer(signal.ITIMER_PROF, SECONDS)
            began = time.process_time()
            try:
                reason = target.tried(path)
            except BrokenRuleError as error:
                reason = ""
                pipe.send(("rule", number, str(error)))
            took = time.process_time() - began
            if reason is not None and reason.startswith(_NO_MEMORY):
                pipe.send(("memory", number, reason))
            if os.fstat(2).st_size:
                os.lseek(2, 0, os.SEEK_SET)
                pipe.send(("noise", number, os.read(2, 500).decode(errors="replace")))
                os.ftruncate(2, 0)
                os.lseek(2, 0, os.SEEK_SET)
            seen[_ACCEPTED if reason is None else _REFUSED] += 1
            if took > seen[_SLOWEST]:
                seen[_SLOWEST], seen[_SLOWEST_NUMBER] = took, number
            seen[_PEAK] = _peak() - before
        signal.setitimer(signal.ITIMER_PROF, 0)


def _quietly_limited() -> float:
    """Set this process's limits; gives the MiB that it has already taken."""
    faulthandler.disable()
    signal.signal(signal.SIGPROF, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    pages = int(Path("/proc/self/statm").read_text(encoding="utf-8").split()[0])
    most = pages * resource.getpagesize() + (MEBIBYTES << 20)
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    return _peak()


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
