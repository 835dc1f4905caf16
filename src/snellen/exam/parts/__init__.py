"""The explicit table of the exam's parts. A later part adds itself by one entry in :data:`PARTS`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from snellen.exam.context import Context
from snellen.exam.parts import attack, categories, features, probe, stress, training
from snellen.exam.report.document import Answer


@dataclass(frozen=True)
class Part:
    """One part of the exam.

    Attributes:
        title: of its section.
        assignment: the item of the assignment that it answers.
        asked: what the assignment asks for there: the problem, what, and the heading it stands under (empty for the
            section's beginning).
        inputs: what decides its answer, beside the model, the seed and the program.
        run: examines, and writes results and figures below ``context.folder``.
        sources: the modules that hold its method, printed in the code appendix.
        references: what it rests on, one entry each.
    """

    title: str
    assignment: str
    asked: Sequence[tuple[str, str, str]]
    inputs: Callable[[Context], object]
    run: Callable[[Context], Answer]
    sources: tuple[str, ...]
    references: tuple[str, ...]


PARTS: Mapping[str, Part] = {
    "categories": Part(
        title="What it sees",
        assignment="Problem 1, part 1",
        asked=categories.ASKED,
        inputs=categories.inputs,
        run=categories.run,
        sources=("snellen.data.preprocessing", "snellen.models.classifier", "snellen.inspect.categories"),
        references=categories.REFERENCES,
    ),
    "features": Part(
        title="How it sees",
        assignment="Problem 1, part 2",
        asked=features.ASKED,
        inputs=features.inputs,
        run=features.run,
        sources=(
            "snellen.models.layers",
            "snellen.models.receptive_field",
            "snellen.inspect.activations",
            "snellen.inspect.feature_maps",
            "snellen.inspect.heatmap",
        ),
        references=features.REFERENCES,
    ),
    "probe": Part(
        title="What it can learn from few",
        assignment="Problem 2",
        asked=probe.ASKED,
        inputs=probe.inputs,
        run=probe.run,
        sources=("snellen.transfer.features", "snellen.transfer.linear", "snellen.transfer.scores"),
        references=probe.REFERENCES,
    ),
    "training": Part(
        title="Learning from scratch",
        assignment="Problem 3",
        asked=training.ASKED,
        inputs=training.inputs,
        run=training.run,
        sources=(
            "snellen.models.networks",
            "snellen.training.initialise",
            "snellen.training.optimise",
            "snellen.training.augment",
            "snellen.training.loop",
            "snellen.training.filters",
        ),
        references=training.REFERENCES,
    ),
    "attack": Part(
        title="Fooling it",
        assignment="Problem 4, part 1",
        asked=attack.ASKED,
        inputs=attack.inputs,
        run=attack.run,
        sources=(
            "snellen.attacks.search",
            "snellen.attacks.gradient_ascent",
            "snellen.attacks.apgd",
            "snellen.attacks.batch",
            "snellen.attacks.verify",
        ),
        references=attack.REFERENCES,
    ),
    "stress": Part(
        title="A turn of the head",
        assignment="Problem 4, part 2",
        asked=stress.ASKED,
        inputs=stress.inputs,
        run=stress.run,
        sources=("snellen.data.transforms", "snellen.robustness.stress", "snellen.robustness.spectrum"),
        references=stress.REFERENCES,
    ),
}
