"""The exam of a visitor's photographs, in a process of its own: cancelled, it is gone with all that it held."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from snellen.errors import InputError, SnellenError
from snellen.exam.config import ExamConfig, check_parts
from snellen.exam.parts import PARTS
from snellen.exam.run import ExamResult, run_exam
from snellen.runs.process import quiet_libraries
from snellen.runs.progress import Progress
from snellen.web.content import StageProgress, TabResult, Work
from snellen.web.folder import job_folder
from snellen.web.state import AppState

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
    config = _config(state, photographs, model, parts, title, author)
    out = job_folder(state.folder)
    stage, begun = "Starting", 0
    yield StageProgress(stage)
    with _exam(config, out) as receiver:
        while True:
            if not receiver.poll(_POLL):
                # Asked often, so that a visitor who cancels need not wait.
                yield StageProgress(stage, begun, len(config.parts))
                continue
            message = _received(receiver)
            if not isinstance(message, str):
                break
            stage, begun = f"{message} ...", begun + 1
    if isinstance(message, SnellenError):
        raise message
    yield _tab_result(message, out)


def _config(
    state: AppState,
    photographs: Sequence[Path],
    model: str,
    parts: Sequence[str],
    title: str | None,
    author: str | None,
) -> ExamConfig:
    """What the visitor asks for, checked.

    Raises:
        InputError: the page does not offer it.
    """
    state.model(model)
    limits = state.limits
    if len(photographs) > limits.photographs:
        raise InputError(f"{len(photographs)} photographs", f"at most {limits.photographs} in one report")
    check_parts(parts, PARTS)
    if not parts:
        raise InputError("no part", f"some of {', '.join(PARTS)}")
    if not photographs:
        limits.photograph(None)
    for photograph in photographs:
        limits.photograph(photograph)
    return ExamConfig(
        title=limits.words("title", title) or ExamConfig.title,
        author=limits.words("author", author),
        model=state.models[model].source,
        device=state.device,
        photographs=tuple(map(str, photographs)),
        parts=tuple(part for part in PARTS if part in parts),
    )


def _received(receiver: Connection) -> str | ExamResult | SnellenError:
    try:
        message: str | ExamResult | SnellenError = receiver.recv()
    except EOFError:
        return SnellenError("the exam ended without a report", "less memory is needed for fewer parts")
    return message


def _tab_result(result: ExamResult, out: Path) -> TabResult:
    failures = [line.replace(f"{out.parent}/", "") for line in (*result.unreadable, *result.failed)]
    return TabResult(
        headline="The report is ready." if not result.failed else "The report is ready; some parts failed.",
        paragraphs=failures,
        files=[result.report, result.page],
        document=result.page,
    )


@contextmanager
def _exam(config: ExamConfig, out: Path) -> Iterator[Connection]:
    """Take the exam elsewhere; gives a pipe's end: the title of each part as it begins, then how it ended."""
    # Forked, a process inherits locks that threads of this one hold.
    elsewhere = multiprocessing.get_context("spawn")
    receiver, sender = elsewhere.Pipe(duplex=False)
    process = elsewhere.Process(target=_take, args=(config, out, sender))
    process.start()
    # So that its end is heard.
    sender.close()
    try:
        yield receiver
    finally:
        process.kill()
        process.join()
        process.close()
        receiver.close()


class _PipeProgress(Progress):
    """Sends the title of each stage through a pipe."""

    def __init__(self, sender: Connection) -> None:
        self._sender = sender

    def begin(self, stage: str, total: int | None = None) -> None:  # noqa: ARG002
        self._sender.send(stage)


def _take(config: ExamConfig, out: Path, sender: Connection) -> None:
    quiet_libraries()
    try:
        sender.send(run_exam(config, out, progress=_PipeProgress(sender)))
    except SnellenError as error:
        sender.send(error)
