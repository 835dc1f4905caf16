"""How well it does its job: how often the model is right on a visitor's labelled photographs."""

from __future__ import annotations

import dataclasses

from snellen.errors import InputError
from snellen.evaluation.evaluate import EvaluationResult, evaluate
from snellen.evaluation.files import PHOTOGRAPHS, RESULT, write_evaluation
from snellen.evaluation.labelled import named_photographs
from snellen.web.content import Block, Count, Counts, Picture, StageProgress, Table, TabResult, Text, Work
from snellen.web.fields import Field, TextLine
from snellen.web.state import AppState
from snellen.web.tabs.base import Asked, Plan, Tab, command_of, slowness

_BETWEEN = ";"
_NAME = 60
"""Characters of a class's name, at most."""


def _fields(state: AppState) -> tuple[Field, ...]:
    most = state.limits.labelled * _NAME
    explained = "One class for all of them, or one for each in order, with ; between: a name, an index or a WordNet id."
    return (TextLine("classes", "What they show", most=most, help=explained),)


def _plan(asked: Asked) -> Plan:
    assert asked.classifier is not None
    most, count = asked.state.limits.labelled, len(asked.photographs)
    if not count:
        raise InputError("no photograph", "one or several, and what each of them shows")
    if count > most:
        raise InputError(f"{count} photographs", f"at most {most} at a time")
    said = [one.strip() for one in asked.settings["classes"].split(_BETWEEN) if one.strip()]
    if len(said) not in (1, count):
        raise InputError(f"What they show: {len(said)} classes for {count} photographs", f"1 or {count}")
    labels = asked.classifier.labels
    named = [labels[labels.find(one)] for one in said]
    classes = named * count if len(named) == 1 else named
    return Plan(_work(asked, classes), 4 + count * (0.1 + 0.06 * slowness(asked)), uses=asked.photographs)


def _work(asked: Asked, classes: list[str]) -> Work:
    yield StageProgress("Classifying")
    images = named_photographs([photograph.path for photograph in asked.photographs], classes)
    result = evaluate(asked.classifier, images, match_by="name")
    made = dataclasses.replace(result.provenance, command=command_of("evaluate", asked))
    result = dataclasses.replace(result, provenance=made)
    yield StageProgress("Drawing", blocks=_blocks(result))
    figures = write_evaluation(result, asked.folder)
    pictures = [Picture(name, name.partition(".")[0].replace("_", " ").capitalize(), name) for name in figures]
    yield TabResult(
        headline=f"{result.accuracy.count} of {result.n} are right",
        blocks=[*_blocks(result), *pictures, Text("What this says", result.discussion().split("\n\n"))],
        files=[RESULT, PHOTOGRAPHS, *figures],
        command=command_of("evaluate", asked),
    )


def _blocks(result: EvaluationResult) -> list[Block]:
    rates = [("top-1", result.accuracy), *([("top-5", result.top5)] if result.top5 is not None else [])]
    error = result.calibration.scores.calibration_error
    rows = [(name, f"{rate.share:.3f}", f"{rate.low:.3f}", f"{rate.high:.3f}") for name, rate in rates]
    rows.append(("calibration error", f"{error.value:.3f}", f"{error.low:.3f}", f"{error.high:.3f}"))
    return [
        Counts("How many are right", [Count(name, rate.count, rate.n) for name, rate in rates]),
        Table("With 95% intervals", ("measure", "value", "from", "to"), rows),
    ]


TAB = Tab(
    title="Evaluate",
    lead="How well it does its job: say what your photographs show, and see how often the model is right.",
    action="Evaluate",
    empty="How many are right, with an interval, how sure the model may be believed, and its surest mistakes.",
    fields=_fields,
    plan=_plan,
    several=True,
)
