"""The exam's probe: a linear classifier of a labelled data set on the network's features."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snellen.data.datasets import open_dataset
from snellen.exam.context import Context, short_name
from snellen.exam.report.document import Answer, Block, Fact, Heading, Paragraph, Picture, Points, Table
from snellen.runs.files import Run
from snellen.transfer.discussion import discuss
from snellen.transfer.files import CONFUSED, CONFUSION, save_run
from snellen.transfer.probe import ClassScore, ProbeResult, probe
from snellen.transfer.published import PETS_BASELINES, is_pets

REFERENCES = (
    "Omkar M. Parkhi et al. Cats and Dogs. CVPR 2012.",
    "Simon Kornblith et al. Do Better ImageNet Models Transfer Better? CVPR 2019. arXiv 1805.08974.",
    "Fabian Pedregosa et al. Scikit-learn: Machine Learning in Python. JMLR 12, 2011.",
    "Bradley Efron and Robert J. Tibshirani. An Introduction to the Bootstrap. 1993.",
)
_HARDEST = 10


ASKED = (
    ("Problem 2", "Mean-per-class accuracy of a linear classifier on the network's normalised features", ""),
    ("Problem 2", "The classifier that was used, discussed", ""),
)


def inputs(context: Context) -> object:
    """What decides the answer: the data sets."""
    return [(name, open_dataset(name).fingerprint) for name in context.datasets]


def run(context: Context) -> Answer:
    """Train and test a probe on each data set; write what ``snellen probe --out`` writes."""
    results: list[ProbeResult] = []
    blocks: list[Block] = []
    for name in context.datasets:
        single = len(context.datasets) == 1
        folder = context.folder if single else context.folder / short_name(name)
        probed = probe(context.classifier, name, seed=context.seed)
        files = save_run(Run(folder), probed)
        results.append(probed.result)
        if not single:
            blocks.append(Heading(short_name(name)))
        blocks += _blocks(probed.result, folder, files)
    facts = [
        Fact(
            f"mean-per-class accuracy on {short_name(one.dataset)}",
            "{}, 95% interval {}, n = {}".format(
                *_score(one.mean_per_class_accuracy, one.mean_per_class_interval, one)
            ),
        )
        for one in results
    ]
    data = ", ".join(f"{short_name(one.dataset)} ({one.n_train:,} to learn from, {one.n:,} to test)" for one in results)
    return Answer(data, facts, blocks)


def _blocks(result: ProbeResult, folder: Path, files: Sequence[str]) -> list[Block]:
    """What there is to say and to show of one probe."""
    blocks: list[Block] = [
        Paragraph(
            f"The features of the layer before the classifier of {result.model} are scaled to unit length; a linear "
            f"classifier learns the {len(result.per_class)} classes of {short_name(result.dataset)} from them. "
            f"{result.split}"
        ),
        Table(
            ("measure", "value", "95% interval", "n"),
            [
                (
                    "mean-per-class accuracy",
                    *_score(result.mean_per_class_accuracy, result.mean_per_class_interval, result),
                ),
                ("top-1 accuracy", *_score(result.top1_accuracy, result.top1_interval, result)),
            ],
            "Accuracy on the test images, with stratified bootstrap intervals.",
        ),
        Points(discuss(result)),
        Picture(
            folder / CONFUSION,
            "Which class (rows) is given which name (columns), as a share of the class.",
            0.8,
        ),
        Table(
            ("class", "accuracy", "n"),
            [(one.label.replace("_", " "), f"{one.accuracy:.3f}", str(one.n)) for one in _hardest(result)],
            f"The {min(_HARDEST, len(result.per_class))} classes with the lowest accuracy; result.json has all.",
        ),
    ]
    if CONFUSED in files:
        blocks.append(
            Picture(
                folder / CONFUSED,
                "The most confused pairs: a photograph of the answer, and those mistaken.",
                0.8,
            )
        )
    if is_pets(result.labels):
        blocks.append(
            Table(
                ("published", "accuracy", "source and protocol"),
                [(one.model, f"{one.accuracy:.3f}", f"{one.source}; {one.protocol}") for one in PETS_BASELINES],
                "Published linear classifiers of frozen features on Oxford-IIIT Pet, mean-per-class accuracy.",
            )
        )
    return blocks


def _score(value: float, interval: tuple[float, float], result: ProbeResult) -> tuple[str, str, str]:
    low, high = interval
    return f"{value:.3f}", f"{low:.3f} to {high:.3f}", str(result.n)


def _hardest(result: ProbeResult) -> list[ClassScore]:
    return sorted(result.per_class, key=lambda one: (one.accuracy, one.label))[:_HARDEST]
