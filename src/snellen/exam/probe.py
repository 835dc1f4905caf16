"""The exam's probe: a linear classifier of a labelled data set on the network's features."""

from __future__ import annotations

from collections.abc import Sequence

from snellen.exam.context import Context
from snellen.exam.document import Block, Paragraph, Picture, Points, Table
from snellen.runs import Run
from snellen.transfer.baselines import PETS_BASELINES, is_pets
from snellen.transfer.discussion import discuss
from snellen.transfer.report import CONFUSED, CONFUSION, save_run
from snellen.transfer.result import ClassScore, ProbeResult, probe

REFERENCES = (
    "Omkar M. Parkhi et al. Cats and Dogs. CVPR 2012.",
    "Simon Kornblith et al. Do Better ImageNet Models Transfer Better? CVPR 2019. arXiv 1805.08974.",
    "Fabian Pedregosa et al. Scikit-learn: Machine Learning in Python. JMLR 12, 2011.",
    "Bradley Efron and Robert J. Tibshirani. An Introduction to the Bootstrap. 1993.",
)
_HARDEST = 10


def run(context: Context) -> Sequence[Block]:
    """Train and test the probe; write what ``snellen probe --out`` writes."""
    probed = probe(context.classifier, context.dataset, seed=context.seed)
    result = probed.result
    files = save_run(Run(context.folder), probed)
    blocks: list[Block] = [
        Paragraph(
            f"The features of the layer before the classifier of {result.model} are scaled to unit length; a linear "
            f"classifier learns the {len(result.per_class)} classes of {_name(result)} from them. {result.split}"
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
            context.folder / CONFUSION,
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
                context.folder / CONFUSED,
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
    return tuple(blocks)


def _name(result: ProbeResult) -> str:
    return result.dataset.rstrip("/").rpartition("/")[2]


def _score(value: float, interval: tuple[float, float], result: ProbeResult) -> tuple[str, str, str]:
    low, high = interval
    return f"{value:.3f}", f"{low:.3f} to {high:.3f}", str(result.n)


def _hardest(result: ProbeResult) -> list[ClassScore]:
    return sorted(result.per_class, key=lambda one: (one.accuracy, one.label))[:_HARDEST]
