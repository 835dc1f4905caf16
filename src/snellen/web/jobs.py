"""The queue: one job at a time, each visitor in turn, each told truly how long it takes."""

from __future__ import annotations

import contextlib
import secrets
import shutil
import threading
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from snellen.errors import InputError, SnellenError
from snellen.web.content import Block, StageProgress, TabResult, Work, plain_blocks, plain_result, without_backquotes
from snellen.web.limits import Limits

Stage = Literal["waiting", "running", "done", "failed", "cancelled"]
_FORGOTTEN_AFTER = 512
"""Number of finished jobs that are remembered."""


class BusyError(SnellenError):
    """There is no place in the queue."""


class Turns:
    """One thread at a time at the networks; a short question goes before the next step of a long job."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._busy, self._short = False, 0

    @contextlib.contextmanager
    def short(self) -> Iterator[None]:
        """For a question that takes a moment."""
        with self._changed:
            self._short += 1
            self._changed.wait_for(lambda: not self._busy)
            self._short -= 1
            self._busy = True
        with self._ending():
            yield

    @contextlib.contextmanager
    def step(self) -> Iterator[None]:
        """For one step of a job."""
        with self._changed:
            self._changed.wait_for(lambda: not self._busy and not self._short)
            self._busy = True
        with self._ending():
            yield

    @contextlib.contextmanager
    def _ending(self) -> Iterator[None]:
        try:
            yield
        finally:
            with self._changed:
                self._busy = False
                self._changed.notify_all()


@dataclass(eq=False)
class Job:
    """Something that a visitor asked for.

    Attributes:
        tab: name of the tab.
        visitor: address of whoever asked.
        asked: what was asked, as the page shows it again.
        folder: folder of its files.
        seconds: seconds that it is expected to take.
        work: the work itself; None once it has ended.
        uses: paths that must stay until it has ended.
        number: what the page calls it; nobody can guess it.
        stage: where it stands.
        progress: what is being done.
        blocks: what is known of the answer already.
        result: what came of it.
        error: why it failed, in one sentence.
        began, ended: times, as :func:`time.monotonic` counts; 0 before.
        heard: when somebody last asked about it.
        cancelled: whether it is to end.
    """

    tab: str
    visitor: str
    asked: Mapping[str, Any]
    folder: Path
    seconds: float
    work: Work | None
    uses: Sequence[Path] = ()
    number: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    stage: Stage = "waiting"
    progress: StageProgress = field(default_factory=lambda: StageProgress("Starting"))
    blocks: Sequence[Block] = ()
    result: TabResult | None = None
    error: str = ""
    began: float = 0.0
    ended: float = 0.0
    heard: float = field(default_factory=time.monotonic)
    cancelled: bool = False

    @property
    def over(self) -> bool:
        """Whether nothing more will come of it."""
        return self.stage in ("done", "failed", "cancelled")

    def remaining(self, now: float) -> float:
        """Seconds that it will still take, roughly: by its own pace once that is known."""
        if not self.began:
            return self.seconds
        elapsed, done, total = now - self.began, self.progress.done, self.progress.total
        by_forecast = max(self.seconds - elapsed, 0.0)
        if not total or done < 2:
            return by_forecast
        share = done / total
        return share * elapsed * (total - done) / done + (1 - share) * by_forecast


class Jobs:
    """The queue and the one thread that works on it.

    Args:
        limits: limits of the page.
        turns: whose turn it is at the networks.
    """

    def __init__(self, limits: Limits, turns: Turns) -> None:
        self._limits, self._turns = limits, turns
        self._changed = threading.Condition()
        self._known: dict[str, Job] = {}
        self._waiting: list[Job] = []
        self._running: Job | None = None
        self._turn_of: dict[str, int] = {}
        self._pace: dict[str, float] = {}
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="jobs", daemon=True)
        self._thread.start()

    def expected_seconds(self, tab: str, seconds: float) -> float:
        """A forecast, corrected by how long such jobs took on this machine."""
        return seconds * self._pace.get(tab, 1.0)

    def put(self, job: Job) -> None:
        """Take a job into the queue.

        Raises:
            BusyError: there is no place, or its visitor has taken up all of theirs.
        """
        with self._changed:
            mine = sum(one.visitor == job.visitor for one in self._waiting)
            if mine >= self._limits.waiting_each:
                raise BusyError(f"{mine} of your questions are waiting", "let one of them end, or cancel it")
            if len(self._waiting) >= self._limits.waiting:
                raise BusyError("too many people are waiting", "try again in a minute")
            self._waiting.append(job)
            self._known[job.number] = job
            for number in list(self._known)[:-_FORGOTTEN_AFTER]:
                if self._known[number].over:
                    del self._known[number]
            self._changed.notify_all()

    def find(self, number: str) -> Job:
        """The job of that number; whoever asks keeps it going.

        Raises:
            InputError: there is none, or no more.
        """
        job = self._known.get(number)
        if job is None:
            raise InputError("that answer is no longer here", "ask once more; answers are kept for an hour")
        job.heard = time.monotonic()
        return job

    def cancel(self, job: Job) -> None:
        """End a job: at once where it waits, else after the step that it is at."""
        with self._changed:
            job.cancelled = True
            if job in self._waiting:
                self._waiting.remove(job)
                self._end(job, "cancelled")
            self._changed.notify_all()

    def in_use(self) -> list[Path]:
        """The paths that jobs which have not ended need."""
        with self._changed:
            jobs = [*self._waiting, *([self._running] if self._running else [])]
        return [path for job in jobs for path in (job.folder, *job.uses)]

    def describe(self, job: Job) -> dict[str, Any]:
        """A job as what JSON knows: where it stands, for how long yet, and what is known of the answer."""
        now = time.monotonic()
        described: dict[str, Any] = {"job": job.number, "tab": job.tab, "stage": job.stage, "asked": job.asked}
        if job.stage == "waiting":
            ahead, seconds = self._ahead(job, now)
            return described | {"ahead": ahead, "wait": round(seconds), "seconds": round(job.seconds)}
        progress = job.progress
        if job.stage == "running":
            return described | {
                "text": progress.text,
                "done": progress.done,
                "total": progress.total,
                "elapsed": round(now - job.began),
                "remaining": round(job.remaining(now)),
                "blocks": plain_blocks(job.blocks),
            }
        described["elapsed"] = round(job.ended - job.began, 1) if job.began else 0
        if job.result is not None:
            return described | {"result": plain_result(job.result)}
        return described | {"error": job.error}

    def close(self) -> None:
        """End all jobs; a running one after its step."""
        with self._changed:
            self._closed = True
            for job in [*self._waiting, *([self._running] if self._running else [])]:
                job.cancelled = True
            self._changed.notify_all()
        self._thread.join(10)

    def _order(self) -> list[Job]:
        """Waiting jobs in the order in which they will run: each visitor's first, then each one's second, and on."""
        places: dict[str, int] = {}
        ranked = []
        for number, job in enumerate(self._waiting):
            place = places[job.visitor] = places.get(job.visitor, -1) + 1
            ranked.append((place, self._turn_of.get(job.visitor, 0), number, job))
        return [job for *_, job in sorted(ranked, key=lambda one: one[:3])]

    def _ahead(self, job: Job, now: float) -> tuple[int, float]:
        """How many jobs come before one, and for how many seconds."""
        with self._changed:
            order = self._order()
            before = order[: order.index(job)] if job in order else []
            running = self._running
        before = [*([running] if running else []), *before]
        return len(before), sum(one.remaining(now) for one in before)

    def _work(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._closed, timeout=1.0)
                if self._closed:
                    return
                for job in [one for one in self._waiting if self._abandoned(one)]:
                    self._waiting.remove(job)
                    self._end(job, "cancelled")
                if not self._waiting:
                    continue
                job = self._order()[0]
                self._waiting.remove(job)
                self._running = job
                self._turn_of[job.visitor] = max(self._turn_of.values(), default=0) + 1
                if len(self._turn_of) > 4 * _FORGOTTEN_AFTER:
                    self._turn_of.clear()
                job.stage, job.began = "running", time.monotonic()
            self._run(job)
            with self._changed:
                self._running = None

    def _abandoned(self, job: Job) -> bool:
        return time.monotonic() - job.heard > self._limits.abandoned_seconds

    def _run(self, job: Job) -> None:
        assert job.work is not None
        stage: Stage = "cancelled"
        try:
            while not (job.cancelled or self._closed or self._abandoned(job)):
                with self._turns.step():
                    step = next(job.work, None)
                if step is None:
                    break
                if isinstance(step, TabResult):
                    job.result, stage = step, "done"
                else:
                    job.progress = step
                    job.blocks = step.blocks or job.blocks
        except SnellenError as error:
            job.error, stage = without_backquotes(str(error)), "failed"
        except Exception:
            # What went wrong inside is for who runs the page, not for who visits it.
            traceback.print_exc()
            job.error, stage = "Something is wrong with this page, not with your photograph.", "failed"
        finally:
            with contextlib.suppress(Exception):
                # Now, not when it is collected: a process may be behind it.
                job.work.close()
            if stage == "done":
                self._learn_pace(job)
            self._end(job, stage)

    def _learn_pace(self, job: Job) -> None:
        took, said = time.monotonic() - job.began, job.seconds / self._pace.get(job.tab, 1.0)
        if said > 0 and took > 1:
            pace = min(max(took / said, 0.1), 10.0)
            self._pace[job.tab] = 0.5 * self._pace.get(job.tab, 1.0) + 0.5 * pace

    def _end(self, job: Job, stage: Stage) -> None:
        if stage != "done":
            job.result = None
            shutil.rmtree(job.folder, ignore_errors=True)
        job.ended, job.work, job.blocks = time.monotonic(), None, ()
        job.stage = stage
