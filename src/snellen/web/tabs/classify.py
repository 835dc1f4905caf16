"""What it sees: the most probable categories of a photograph."""

from __future__ import annotations

from snellen.inspect.categories import classify
from snellen.runs.files import write_figure, write_json
from snellen.web.content import Block, StageProgress, TabResult, Text, Work
from snellen.web.fields import Number
from snellen.web.state import AppState
from snellen.web.tabs.base import (
    Asked,
    Plan,
    Tab,
    bars_of,
    command_of,
    named,
    provenance,
    seen_picture,
    slowness,
    sureness,
)


def _fields(state: AppState) -> tuple[Number, ...]:
    return (Number("categories", "Categories", 1, state.limits.categories, 5),)


def _plan(asked: Asked) -> Plan:
    asked.check_model()
    return Plan(_work(asked), 0.6 + slowness(asked) * 0.05 + asked.photograph.size / 50e6, uses=asked.photographs)


def _work(asked: Asked) -> Work:
    classifier, photograph = asked.classifier, asked.photograph
    yield StageProgress("Classifying")
    image = photograph.read()
    # From the file, as the command line does.
    result = named(classify(classifier, photograph.path, asked.settings["categories"]), photograph)
    blocks: list[Block] = [bars_of("Most probable", result.predictions), seen_picture(asked, image)]
    yield StageProgress("Drawing", blocks=blocks)
    command = command_of("classify", asked, "-k", asked.settings["categories"])
    write_json(
        asked.folder / "result.json",
        {"results": [result], "provenance": provenance(classifier, image, command)},
    )
    write_figure(asked.folder / "categories.png", result.plot())
    yield TabResult(
        headline=sureness(result.top),
        blocks=[*blocks, Text("What this says", [result.discussion()])],
        files=["result.json", "categories.png", "input.png"],
        command=command,
    )


TAB = Tab(
    title="Classify",
    lead="What it sees: the most probable categories of the photograph.",
    action="Classify",
    empty="A bar for each of the most probable categories, and the part of the photograph that the network sees.",
    fields=_fields,
    plan=_plan,
)
