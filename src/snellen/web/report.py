"""The exam of a visitor's photographs, in a process of its own: cancelled, it is gone with all that it held."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from snellen.errors import InputError, SnellenError
from snellen.exam.config import ExamConfig
from snellen.exam.parts import PARTS
from snellen.exam.run import ExamResult, Watch, run_exam
from snellen.web.content import StageProgress, TabResult, Work
from snellen.web.folder import job_folder
from snellen.web.state import AppState

LONG = ("probe", "training")
"""The parts that take longest: they learn from a data set."""
_POLL = 0.5


def report(
    state: AppState,
    photographs: Sequence[Path],
    model: str,
    parts: Sequence[str],
    title: str | None = None,
    author: str | None = None,
) -> Work:
    """The report of an exam of ``photographs`` with the chosen parts."""
    state.model(model)
    limits = state.limits
    if len(photographs) > limits.photographs:
        raise InputError(f"{len(photographs)} photographs", f"at most {limits.photographs} in one report")
    unknown = [part for part in parts if part not in PARTS]
    if unknown or not parts:
        raise InputError(f"no part {', '.join(unknown)!r}" if unknown else "no part", f"some of {', '.join(PARTS)}")
    if not photographs:
        limits.photograph(None)
    for photograph in photographs:
        limits.photograph(photograph)
    config = ExamConfig(
        title=limits.words("title", title) or ExamConfig.title,
        author=limits.words("author", author),
        model=state.models[model].source,
        device=state.device,
        photographs=tuple(map(str, photographs)),
        parts=tuple(part for part in PARTS if part in parts),
    )
    out = job_folder(state.folder)
    begun = 0
    yield StageProgress("Starting")
    with _exam(config, out) as told:
        while True:
            if not told.poll(_POLL):
                # Asked often, so that a visitor who cancels need not wait.
                yield StageProgress(
                    f"{PARTS[config.parts[begun - 1]].title} ..." if begun else "Starting", begun, len(parts)
                )
                continue
            message = _received(told)
            if not isinstance(message, str):
                break
            begun += 1
    if isinstance(message, SnellenError):
        raise message
    yield _shown(message, out)


def _received(told: Connection) -> str | ExamResult | SnellenError:
    try:
        message: str | ExamResult | SnellenError = told.recv()
    except EOFError:
        return SnellenError("the exam ended without a report", "less memory is needed for fewer parts")
    return message


def _shown(result: ExamResult, out: Path) -> TabResult:
    trouble = [line.replace(f"{out.parent}/", "") for line in (*result.unreadable, *result.failed)]
    return TabResult(
        headline="The report is ready." if not result.failed else "The report is ready; some parts failed.",
        paragraphs=trouble,
        files=[result.report, result.page],
        document=result.page,
    )


@contextmanager
def _exam(config: ExamConfig, out: Path) -> Iterator[Connection]:
    """Take the exam elsewhere; gives what tells of it: the name of each part as it begins, then how it ended."""
    # Forked, a process inherits locks that threads of this one hold.
    elsewhere = multiprocessing.get_context("spawn")
    told, tells = elsewhere.Pipe(duplex=False)
    process = elsewhere.Process(target=_take, args=(config, out, tells))
    process.start()
    # So that its end is heard.
    tells.close()
    try:
        yield told
    finally:
        process.kill()
        process.join()
        process.close()
        told.close()


class _Telling(Watch):
    def __init__(self, tells: Connection) -> None:
        self._tells = tells

    def started(self, part: str) -> None:
        self._tells.send(part)


def _take(config: ExamConfig, out: Path, tells: Connection) -> None:
    try:
        tells.send(run_exam(config, out, _Telling(tells)))
    except SnellenError as error:
        tells.send(error)
