"""Learning on the page: a probe of a few photographs of a visitor's own classes."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping, Sequence

import numpy as np
import torch

from snellen.data.datasets.base import Targets
from snellen.data.labels import Labels
from snellen.errors import InputError
from snellen.figures import percent
from snellen.models.classifier import Classifier
from snellen.runs.files import write_json
from snellen.runs.provenance import fingerprint
from snellen.transfer.files import Description, save_probe
from snellen.transfer.linear import LinearProbe, Matrix, fit_linear
from snellen.transfer.network import ProbeNetwork
from snellen.web.content import Count, Counts, Next, StageProgress, TabResult, Text, Work
from snellen.web.fields import ClassesField, Field
from snellen.web.photographs import Photograph
from snellen.web.state import AppState
from snellen.web.tabs.base import Asked, Plan, Tab, slowness

_C = 10.0
"""Regularisation of so few photographs, where there are too few to choose it by cross-validation."""


def _fields(state: AppState) -> tuple[Field, ...]:
    limits = state.limits
    return (ClassesField("classes", "Classes", limits.classes, limits.examples),)


def _plan(asked: Asked) -> Plan:
    if asked.model not in asked.state.models:
        raise InputError(f"no model {asked.model!r} to learn from", f"one of {', '.join(asked.state.models)}")
    classes: Mapping[str, Sequence[str]] = asked.settings["classes"]
    if not classes:
        raise InputError("no classes", "two or more, each of two photographs or more")
    find = asked.state.photographs.find
    photographs = {name: [find(number) for number in numbers] for name, numbers in classes.items()}
    every = [one for some in photographs.values() for one in some]
    return Plan(_work(asked, photographs), 1 + len(every) * (0.1 + 0.05 * slowness(asked)), uses=every)


def _work(asked: Asked, photographs: Mapping[str, Sequence[Photograph]]) -> Work:
    classifier, every = asked.classifier, [one for some in photographs.values() for one in some]
    targets = np.array([number for number, some in enumerate(photographs.values()) for _ in some])
    rows = []
    for done, photograph in enumerate(every):
        yield StageProgress(f"Reading {photograph.name}", done, len(every))
        inputs = classifier.preprocessing.preprocess_image(photograph.read())
        with torch.inference_mode():
            pixels = torch.from_numpy(inputs).permute(2, 0, 1)[None].float() / 255
            rows.append(classifier.embed_inputs(pixels)[0].cpu().numpy())
    features = np.stack(rows)
    yield StageProgress("Learning", len(every), len(every))
    right = _left_out(features, targets, len(photographs))
    probe = fit_linear(features, targets, "logistic", _C)
    learned, name = _classifier(classifier, probe, tuple(photographs)), f"learned-{secrets.token_urlsafe(6)}"
    asked.state.learned.add(name, learned)
    data = fingerprint("".join(one.number for one in every))
    description = Description(
        model=classifier.name,
        weights=classifier.digest,
        preprocessing=classifier.preprocessing,
        mirrored=False,
        kind="logistic",
        c=_C,
        labels=tuple(photographs),
        dataset="photographs of a visitor",
        data=data,
    )
    files = save_probe(asked.folder, probe, description)
    made = dataclasses.replace(classifier.provenance(data), command="the page, Learn")
    names = {label: [one.name for one in some] for label, some in photographs.items()}
    write_json(asked.folder / "result.json", {"classes": names, "left_out_right": right, "provenance": made})
    yield _result(photographs, right, [*files, "result.json"], name)


def _left_out(features: Matrix, targets: Targets, classes: int) -> list[int]:
    """How many photographs of each class a probe of all the others names rightly: leave-one-out."""
    right = [0] * classes
    for row, target in enumerate(targets):
        others = np.arange(len(targets)) != row
        probe = fit_linear(features[others], targets[others], "logistic", _C)
        right[target] += int(probe.predict(features[row : row + 1])[0] == target)
    return right


def _classifier(base: Classifier, probe: LinearProbe, labels: tuple[str, ...]) -> Classifier:
    network = ProbeNetwork(base.network, torch.from_numpy(probe.weight), torch.from_numpy(probe.bias)).eval()
    return Classifier(
        network, base.preprocessing, Labels(labels), name=f"probe of {base.name}", device=str(base.device)
    )  # fmt: skip


def _result(
    photographs: Mapping[str, Sequence[Photograph]], right: Sequence[int], files: Sequence[str], name: str
) -> TabResult:
    shares = [count / len(some) for count, some in zip(right, photographs.values(), strict=True)]
    counts = [Count(label, count, len(some)) for (label, some), count in zip(photographs.items(), right, strict=True)]
    n = sum(len(some) for some in photographs.values())
    said = (
        f"Each of the {n} photographs was left out once and named by a probe of the others; the mean over the classes "
        f"is {percent(sum(shares) / len(shares), 0)}. So few photographs, perhaps of one scene, say little of others: "
        "drop a new one and classify it."
    )
    first = next(iter(photographs.values()))[0]
    return TabResult(
        headline=f"Learned {', '.join(photographs)} from {n} photographs",
        blocks=[Counts("Named rightly when left out", counts), Text("What this says", [said])],
        files=files,
        onward=[Next("Classify with it", "classify", first.number), Next("Attack it", "attack", first.number)],
        model=name,
    )


TAB = Tab(
    title="Learn",
    lead="Show the network a few photographs of two or more classes of your own; it learns them in a second.",
    action="Learn",
    empty="How often a photograph that was left out is named rightly; then the probe is one of the models above.",
    fields=_fields,
    plan=_plan,
)
