"""How well it does its job: how often the model is right on a visitor's labelled photographs."""

from __future__ import annotations

import csv
import dataclasses
import io
import shlex
from collections.abc import Sequence

from snellen.errors import InputError
from snellen.evaluation.evaluate import EvaluationResult, evaluate
from snellen.evaluation.files import CALIBRATION, CLASSES, CONFUSION, ERRORS, PHOTOGRAPHS, RESULT, write_evaluation
from snellen.evaluation.labelled import named_photographs
from snellen.runs.files import write_text
from snellen.web.content import Block, Count, Counts, Picture, StageProgress, Table, TabResult, Text, Work
from snellen.web.fields import Field, TextLine
from snellen.web.state import AppState
from snellen.web.tabs.base import Asked, Plan, Tab, slowness

_LABELS, _FOLDER = "metadata.csv", "photographs"
_FIGURES = {
    CALIBRATION: (
        "Calibration",
        "How often it is right against how sure it is; the text below says how far they differ",
    ),
    CLASSES: ("Classes", "The accuracy of each class with its interval"),
    CONFUSION: ("Confusion", "How often each true class is taken for each class"),
    ERRORS: ("Its surest mistakes", "The photographs that it is surest of and wrong about"),
}
_TO_REPEAT = f"The command reads a folder {_FOLDER} with the photographs and {_LABELS} in it, which says their classes."
_BETWEEN = ";"
_NAME = 60
"""Characters of a class's name, at most."""


def _fields(state: AppState) -> tuple[Field, ...]:
    most = state.limits.labelled * _NAME
    explained = "One class for all of them, or one for each in order, with ; between: a name, an index or a WordNet id."
    return (TextLine("classes", "What they show", most=most, help=explained),)


def _plan(asked: Asked) -> Plan:
    asked.check_model()
    most, count = asked.state.limits.labelled, len(asked.photographs)
    if not count:
        raise InputError("no photograph", "one or several, and what each of them shows")
    if count > most:
        raise InputError(f"{count} photographs", f"at most {most} at a time")
    said = [one.strip() for one in asked.settings["classes"].split(_BETWEEN) if one.strip()]
    if not said:
        raise InputError("What they show: nothing is said", "a class such as espresso")
    if len(said) not in (1, count):
        photographs = "1 photograph" if count == 1 else f"{count} photographs"
        raise InputError(
            f"What they show: {len(said)} classes for {photographs}", f"1 or {count}" if count > 1 else "1"
        )
    labels = asked.classifier.labels
    named = [labels[labels.find(one)] for one in said]
    classes = named * count if len(named) == 1 else named
    return Plan(_work(asked, classes), 4 + count * (0.1 + 0.06 * slowness(asked)), uses=asked.photographs)


def _work(asked: Asked, classes: list[str]) -> Work:
    yield StageProgress("Classifying")
    images = named_photographs([photograph.path for photograph in asked.photographs], classes)
    result = evaluate(asked.classifier, images, match_by="name")
    command = _command(asked)
    made = dataclasses.replace(result.provenance, command=command)
    result = dataclasses.replace(result, provenance=made)
    yield StageProgress("Drawing", blocks=_blocks(result))
    figures = write_evaluation(result, asked.folder)
    write_text(asked.folder / _LABELS, _labels(asked, classes))
    pictures = [Picture(name, *_FIGURES[name]) for name in figures]
    yield TabResult(
        headline=f"{result.accuracy.count} of {result.n} are right",
        blocks=[*_blocks(result), *pictures, Text("What this says", [*result.discussion().split("\n\n"), _TO_REPEAT])],
        files=[RESULT, PHOTOGRAPHS, _LABELS, *figures],
        command=command,
    )


def _command(asked: Asked) -> str:
    """The command that does the same; none of a model that the page was taught."""
    learned = asked.state.learned.find(asked.model) is not None
    return "" if learned else f"snellen evaluate {_FOLDER} --match-by name --model {shlex.quote(asked.model)}"


def _labels(asked: Asked, classes: Sequence[str]) -> str:
    """The table that the command reads: it is to lie among the photographs."""
    file = io.StringIO()
    names = [one.name for one in asked.photographs]
    csv.writer(file, lineterminator="\n").writerows([("file_name", "label"), *zip(names, classes, strict=True)])
    return file.getvalue()


def _blocks(result: EvaluationResult) -> list[Block]:
    rates = [("top-1", result.accuracy), *([("top-5", result.top5)] if result.top5 is not None else [])]
    counts = Counts("How many are right", [Count(name, rate.count, rate.n) for name, rate in rates])
    if result.n == 1:
        return [counts]
    rows = [(name, f"{rate.share:.3f}", f"{rate.low:.3f}", f"{rate.high:.3f}") for name, rate in rates]
    if result.tells_calibration:
        error = result.calibration.scores.calibration_error
        rows.append(("calibration error", f"{error.value:.3f}", f"{error.low:.3f}", f"{error.high:.3f}"))
    return [counts, Table("With 95% intervals", ("measure", "value", "from", "to"), rows)]


TAB = Tab(
    title="Evaluate",
    lead="How well it does its job: say what your photographs show, and see how often the model is right.",
    action="Evaluate",
    empty="How many are right, with an interval, how sure the model may be believed, and its surest mistakes.",
    fields=_fields,
    plan=_plan,
    most=lambda limits: limits.labelled,
)
