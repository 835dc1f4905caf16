"""What it can learn from few: the answer of a trained probe, and how well it does on its own test images."""

from __future__ import annotations

from snellen.inspect.categories import classify
from snellen.runs.files import write_bytes, write_figure, write_json
from snellen.web.content import Block, Picture, StageProgress, TabResult, Text, Work
from snellen.web.fields import Choice, Field
from snellen.web.state import NO_PROBE, AppState
from snellen.web.tabs.base import Asked, Plan, Tab, bars_of, named, probe_command, provenance, slowness, sureness


def _fields(state: AppState) -> tuple[Field, ...]:
    names = list(state.probes)
    help_ = "" if names else NO_PROBE.replace("`", "")
    return (Choice("probe", "Probe", names[0] if names else "", [(name, name) for name in names], help_),)


def _plan(asked: Asked) -> Plan:
    asked.state.probe(asked.settings["probe"])
    return Plan(_work(asked), 0.8 + 0.05 * slowness(asked) + asked.photograph.size / 50e6, uses=asked.photographs)


def _work(asked: Asked) -> Work:
    chosen, photograph, folder = asked.state.probe(asked.settings["probe"]), asked.photograph, asked.folder
    classifier = chosen.classifier
    yield StageProgress("Classifying")
    image = photograph.read()
    result = named(classify(classifier, photograph.path, min(5, len(classifier.labels))), photograph)
    command = probe_command("classify", asked, "--probe", asked.settings["probe"])
    write_json(folder / "result.json", {"results": [result], "provenance": provenance(classifier, image, command)})
    write_figure(folder / "categories.png", result.plot())
    blocks: list[Block] = [bars_of("Most probable", result.predictions)]
    files = ["result.json", "categories.png"]
    if chosen.confusion is not None:
        write_bytes(folder / "confusion.png", chosen.confusion)
        alt = "Confusion matrix of the probe on its own test images; the text below says what it shows"
        blocks.append(Picture("confusion.png", "On its own test images", alt))
        files.append("confusion.png")
    yield TabResult(
        headline=f"{sureness(result.top)}, says {asked.settings['probe']}",
        blocks=[*blocks, *([Text("What was measured", chosen.discussion)] if chosen.discussion else [])],
        files=files,
        command=command,
    )


TAB = Tab(
    title="Probe",
    lead="What it can learn from few: a linear classifier that was trained on the network's features.",
    action="Ask the probe",
    empty="The probe's own classes as bars, and how well it does on its own test images.",
    fields=_fields,
    plan=_plan,
    model=False,
)
