"""All of it: the exam of a visitor's photographs, in a process of its own; cancelled, it is gone."""

from __future__ import annotations

import glob
import multiprocessing
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path

from snellen.errors import InputError, SnellenError
from snellen.exam.config import ExamConfig
from snellen.exam.parts import PARTS
from snellen.exam.run import ExamResult, run_exam
from snellen.runs.files import write_bytes, write_text
from snellen.runs.process import end_with_parent, quiet_libraries
from snellen.runs.progress import Progress
from snellen.runs.serialise import to_toml
from snellen.web.content import Document, StageProgress, TabResult, Text, Work
from snellen.web.fields import Choices, Field, TextLine
from snellen.web.photographs import Photograph
from snellen.web.state import AppState
from snellen.web.tabs.base import (
    Asked,
    Plan,
    Tab,
    file_of_command,
    megapixels,
    memory,
    side_field,
    slowness,
    told_reduced,
    was_reduced,
    write_picture,
)  # fmt: skip

_CONFIG = "exam.toml"
_POLL = 0.1
_STARTING, _LEARNING = 12.0, 240.0
_SECONDS = {"categories": 2.0, "features": 9.0, "attack": 14.0, "stress": 9.0}
"""Seconds that a part takes for one photograph, beside what its pixels cost."""


def _fields(_: AppState) -> tuple[Field, ...]:
    options = [(name, part.title) for name, part in PARTS.items() if not part.wanted_by]
    value = [name for name, part in PARTS.items() if not (part.long or part.wanted_by)]
    return (
        Choices("parts", "Parts", value, options, "Those that learn from a data set take minutes."),
        TextLine("title", "Title", "An eye exam"),
        TextLine("author", "Author"),
        side_field(),
    )


def _plan(asked: Asked) -> Plan:
    limits = asked.state.limits
    if asked.model not in asked.state.models:
        raise InputError(f"no model {asked.model!r} for a report", f"one of {', '.join(asked.state.models)}")
    asked.check_photographs()
    if len(asked.photographs) > limits.photographs:
        raise InputError(f"{len(asked.photographs)} photographs", f"at most {limits.photographs} in one report")
    size = sum(megapixels(asked, one) for one in asked.photographs)
    slow = slowness(asked)
    each = len(asked.photographs) * slow
    learning = sum(_LEARNING for name in asked.settings["parts"] if PARTS[name].long)
    quick = sum(_SECONDS.get(name, 5.0) for name in asked.settings["parts"] if not PARTS[name].long)
    seconds = _STARTING + learning + quick * each + 20 * size
    return Plan(_work(asked), seconds, memory(900 + 100 * size), asked.photographs)


def _work(asked: Asked) -> Work:
    stage, begun = "Starting", 0
    yield StageProgress(stage)
    config = ExamConfig(
        title=asked.settings["title"] or ExamConfig.title,
        author=asked.settings["author"],
        model=_model(asked),
        device=asked.state.device,
        photographs=tuple(_reduced(asked)),
        parts=asked.settings["parts"],
    )
    write_text(asked.folder / _CONFIG, _configuration(asked))
    command = f"snellen exam {_CONFIG} --out exam"
    with _exam(config, asked.folder / "exam", command) as receiver:
        while True:
            if not receiver.poll(_POLL):
                # Asked often, so that a visitor who cancels need not wait.
                yield StageProgress(stage, begun, len(config.parts) + 1)
                continue
            message = _received(receiver)
            if not isinstance(message, str):
                break
            stage, begun = message, begun + 1
    if isinstance(message, SnellenError):
        raise message
    yield _tab_result(asked, message)


def _model(asked: Asked) -> str:
    """The model's name; of a path a link below the job's folder, which is all that the report then says of it."""
    source = Path(asked.state.models[asked.model].source)
    if source.exists():
        link = Path("model", asked.model)
        (asked.folder / link).parent.mkdir()
        (asked.folder / link).symlink_to(source.resolve())
        return str(link)
    return str(source)


def _reduced(asked: Asked) -> Iterator[str]:
    """The photographs' paths in the job's folder, at the size at which they are worked on, under their own names."""
    for number, photograph in enumerate(asked.photographs):
        name = _path_of(asked, number, photograph)
        path = asked.folder / name
        path.parent.mkdir(parents=True)
        if was_reduced(asked, photograph):
            write_picture(path, photograph.reduced(int(asked.settings["side"])))
        else:
            write_bytes(path, photograph.path.read_bytes())
        yield glob.escape(str(name))


def _path_of(asked: Asked, number: int, photograph: Photograph) -> Path:
    """Where a photograph lies for the exam, in the job's folder; reduced, it is a PNG."""
    path = Path("photographs", str(number), photograph.name)
    return path.with_suffix(".png") if was_reduced(asked, photograph) else path


def _names(asked: Asked) -> list[tuple[Photograph, str]]:
    """Each photograph with what its file is called among the answer's where it was reduced."""
    return [(one, f"reduced-{number}.png") for number, one in enumerate(asked.photographs, 1)]


def _configuration(asked: Asked) -> str:
    """The exam's configuration, for the photographs as the visitor has them or, reduced, as the answer offers them."""
    photographs = [file_of_command(asked, one, name) for one, name in _names(asked)]
    settings = {"model": asked.model, "photographs": photographs}
    settings |= {name: asked.settings[name] for name in ("title", "author", "parts")}
    return to_toml(settings)


def _received(receiver: Connection) -> str | ExamResult | SnellenError:
    try:
        message: str | ExamResult | SnellenError = receiver.recv()
    except EOFError:
        return SnellenError("the exam ended without a report", "less memory is needed for fewer parts")
    return message


def _tab_result(asked: Asked, result: ExamResult) -> TabResult:
    """The report's two files, the reduced photographs, and what failed, without the folders of this machine."""
    for path in (result.report, result.page):
        (asked.folder / path).rename(asked.folder / path.name)
    reduced = []
    for number, (photograph, name) in enumerate(_names(asked)):
        if was_reduced(asked, photograph):
            (asked.folder / _path_of(asked, number, photograph)).rename(asked.folder / name)
            reduced.append(name)
    told = told_reduced(asked, _names(asked))
    failures = [*result.unreadable, *result.failed]
    return TabResult(
        headline="The report is ready." if not result.failed else "The report is ready; some parts failed.",
        blocks=[
            *([Text("What failed", failures)] if failures else []),
            *([Text("What was reduced", told)] if told else []),
            Document(result.page.name, "The report"),
        ],
        files=[result.report.name, result.page.name, _CONFIG, *reduced],
        command=f"snellen exam {_CONFIG} --out exam",
    )


@contextmanager
def _exam(config: ExamConfig, out: Path, command: str) -> Iterator[Connection]:
    """Take the exam elsewhere; gives a pipe's end: the title of each part as it begins, then how it ended."""
    # Forked, a process inherits locks that threads of this one hold.
    elsewhere = multiprocessing.get_context("spawn")
    receiver, sender = elsewhere.Pipe(duplex=False)
    process = elsewhere.Process(target=_take, args=(config, out, command, sender))
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


def _take(config: ExamConfig, out: Path, command: str, sender: Connection) -> None:
    end_with_parent()
    quiet_libraries()
    # Of the server's own command line, with its folders, a visitor's report says nothing.
    sys.argv = shlex.split(command)
    # Relative paths, in results and in complaints too.
    os.chdir(out.parent)
    out = Path(out.name)
    try:
        sender.send(run_exam(config, out, progress=_PipeProgress(sender)))
    except SnellenError as error:
        sender.send(error)


TAB = Tab(
    title="Report",
    lead="All of it, as a PDF to hand in, for up to eight photographs at once.",
    action="Take the exam",
    empty="The report, to read here and to download as a PDF and as a page in one file.",
    fields=_fields,
    plan=_plan,
    most=lambda limits: limits.photographs,
)
