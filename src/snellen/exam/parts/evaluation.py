"""The exam's evaluation: the model itself, scored on labelled photographs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path

from snellen.data.datasets.base import ImageSet, with_splits
from snellen.data.datasets.digits import DIGITS
from snellen.errors import InputError
from snellen.evaluation.comparison import compare_answers
from snellen.evaluation.discussion import discuss
from snellen.evaluation.evaluate import EvaluationResult, evaluate
from snellen.evaluation.files import (
    CALIBRATION,
    CLASSES,
    CONFUSION,
    DISAGREEMENTS,
    ERRORS,
    RESULT,
    read_evaluation,
    write_comparison,
    write_evaluation,
)
from snellen.evaluation.matching import read_mapping
from snellen.exam.context import Context, content_of, data_set, distinct_names, scored_on, short_name
from snellen.exam.paths import leads_out
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Heading, Paragraph, Picture, Reference, Table
from snellen.intervals import Estimate
from snellen.prose import called, estimated
from snellen.runs.files import write_json
from snellen.runs.provenance import fingerprint
from snellen.runs.text import exists

REFERENCES = (
    Reference(
        "Edwin B. Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22, 1927.",
        r"Wilson's|95% interval",
    ),
    Reference(
        "Bradley Efron and Robert J. Tibshirani. An Introduction to the Bootstrap. 1993.", r"(stratified )?bootstrap"
    ),
    Reference(
        "Chuan Guo et al. On Calibration of Modern Neural Networks. ICML 2017. arXiv 1706.04599.",
        r"calibration error|temperature|calibrat\w+",
    ),
    Reference(
        "Yonatan Geifman, Guy Uziel and Ran El-Yaniv. Bias-Reduced Uncertainty Estimation for Deep Neural "
        "Classifiers. ICLR 2019. arXiv 1805.08206.",
        r"most confident photographs are answered|risk",
    ),
    Reference(
        "Quinn McNemar. Note on the sampling error of the difference between correlated proportions. "
        "Psychometrika 12, 1947.",
        r"McNemar test",
    ),
)
_HARDEST = 10
_NAMED_CLASSES = 4
_NONE_SHOWN = (
    "The photographs that only one of them gets right are not shown: the data set is another one now, or it lies in no "
    "folder that this comparison may open (allow its folder, to see them)."
)
_FEWEST = 5
"""Photographs of the largest class from which on classes are shown one by one."""
_FIGURES = {
    CALIBRATION: (
        "Left: of photographs in bins of equal numbers, the share that is right against the mean confidence. Right: "
        "the share of wrong answers where only the most confident photographs are answered.",
        0.9,
    ),
    ERRORS: (
        "The mistakes of the highest probability, and below them the right answers of the lowest.",
        1.0,
    ),
    CONFUSION: ("Confusion matrix: true classes (rows) and predicted ones (columns), as shares of the class.", 0.8),
    CLASSES: ("The classes that are recognised least often, with 95% intervals.", 0.8),
}


def inputs(context: Context) -> object:
    """What decides the answer: the data sets, and the mapping of their classes."""
    return [(name, content_of(data_set(name))) for name in scored_on(context)], mapping_fingerprint(context)


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: a pass for each photograph of the data sets."""
    return seconds_of_pass * sum(len(data_set(name)) for name in scored_on(context))


def run(context: Context) -> Answer:
    """Score the model on each data set; write what ``evaluate`` writes into a run folder."""
    facts: list[Fact] = []
    data: list[str] = []
    blocks: list[Block] = []
    mapping = mapping_of(context)
    names = distinct_names(scored_on(context))
    results = []
    for dataset, name in names.items():
        folder = _folder(context.folder, name, len(names))
        result = evaluate(context.classifier, data_set(dataset), mapping=mapping, seed=context.seed, out=folder)
        figures = write_evaluation(result, folder)
        results.append(result)
        if len(names) > 1:
            blocks.append(Heading(name))
        blocks += _blocks(result, name, folder, figures)
        facts += _facts(result, f" on {name}" if len(names) > 1 else "")
        data.append(f"{name} ({result.n:,} photographs, {_classes(result)})")
    write_json(context.folder / "result.json", {"results": [result.to_dict() for result in results]})
    content = " ".join(one.provenance.data for one in results)
    return Answer(", ".join(data), facts, blocks, "; ".join(map(_headline, results)), content=content)


def _headline(result: EvaluationResult) -> str:
    accuracy, name = result.accuracy, short_name(result.dataset)
    if accuracy.n < 2:
        return f"It is right on {accuracy.count} of {accuracy.n} photographs of {name}"
    return f"It is right on {estimated(accuracy)} of {accuracy.n:,} photographs of {name}"


def compare(left: Path, right: Path, names: tuple[str, str], out: Path, allowed: Sequence[Path]) -> list[Block]:
    """The two models on the same photographs, from the parts' folders; what is drawn goes below ``out``.

    The folders may be strangers': the photographs themselves are shown where they are the digits, or lie in one of the
    folders ``allowed``.
    """
    blocks: list[Block] = []
    for file in sorted((*left.glob(RESULT), *left.glob(f"*/{RESULT}"))):
        below = file.parent.relative_to(left)
        try:
            one, other = read_evaluation(file.parent), read_evaluation(right / below)
            if one.data != other.data:
                raise InputError("they were not scored on the same photographs")
            source = _source(one.dataset, one.data, allowed)
            comparison = compare_answers(names, one.photographs, other.photographs, one.dataset, source)
        except InputError as error:
            blocks.append(Paragraph(f"Not compared photograph by photograph: {error.message}."))
            continue
        folder = out / below
        write_comparison(comparison, folder)
        first, second = names
        blocks += [
            Paragraph(comparison.discussion()),
            Table(
                ("", f"{second} right", f"{second} wrong"),
                [
                    (f"{first} right", str(comparison.both_right), str(comparison.only_first)),
                    (f"{first} wrong", str(comparison.only_second), str(comparison.both_wrong)),
                ],
                f"The same {comparison.n:,} photographs, by which of the two gets them right.",
            ),
            Picture(
                folder / DISAGREEMENTS,
                f"Photographs that only {first} gets right (above) and that only {second} does (below), each with "
                "what the other takes it for.",
            )
            if source
            else Paragraph(_NONE_SHOWN),
        ]
    return blocks


def _source(dataset: str, data: str, allowed: Sequence[Path]) -> ImageSet | None:
    """The data set, for pictures, where it may be opened, and is the same, whole or its test split."""
    # A name that is no path would be asked of the hub.
    if dataset != DIGITS and (not exists(Path(dataset)) or leads_out(dataset, allowed)):
        return None
    with contextlib.suppress(InputError):
        found = data_set(dataset)
        candidates = [found, *(with_splits(found, [split]) for split in found.splits)]
        return next((one for one in candidates if one.fingerprint == data), None)
    return None


def mapping_of(context: Context) -> Mapping[str, str | int] | None:
    """Which class of the data sets is which of the model's, where a file says it."""
    return read_mapping(context.mapping) if context.mapping else None


def mapping_fingerprint(context: Context) -> str:
    """Fingerprint of that file; empty where there is none."""
    return fingerprint(Path(context.mapping).read_bytes()) if context.mapping else ""


def _folder(folder: Path, name: str, count: int) -> Path:
    return folder if count == 1 else folder / name.replace("/", "_")


def _classes(result: EvaluationResult) -> str:
    """How many classes, and the first of them by name."""
    names = [one.label for one in result.per_class]
    shown = ", ".join(names[:_NAMED_CLASSES])
    return f"{len(names)} classes: {shown}" + (
        f" and {len(names) - _NAMED_CLASSES} more" if len(names) > _NAMED_CLASSES else ""
    )


def _facts(result: EvaluationResult, where: str) -> list[Fact]:
    accuracy, error = result.accuracy, result.calibration.scores.calibration_error
    facts = [
        Fact(
            f"accuracy of the model itself{where}",
            f"{accuracy.share:.3f}, 95% interval {accuracy.interval}, n = {accuracy.n}",
        ),
        Fact(f"calibration error{where}", f"{error.value:.3f}, 95% interval {error.interval}"),
    ]
    return [*facts, *(Fact(f"warning{where}", warning) for warning in result.warnings)]


def _blocks(result: EvaluationResult, name: str, folder: Path, figures: Sequence[str]) -> list[Block]:
    scores = result.calibration.scores
    estimates: list[tuple[str, Estimate]] = [
        ("mean-per-class accuracy", result.mean_per_class),
        ("expected calibration error", scores.calibration_error),
        ("Brier score", scores.brier),
        ("negative log-likelihood", scores.log_loss),
        ("area under risk-coverage", scores.risk_coverage),
    ]
    rates = [("top-1 accuracy", result.accuracy), *([("top-5 accuracy", result.top5)] if result.top5 else [])]
    rows = [(measure, f"{rate.share:.3f}", rate.interval) for measure, rate in rates]
    rows += [(measure, f"{one.value:.3f}", one.interval) for measure, one in estimates]
    but = " but, in one sentence below, a temperature" if result.calibration.temperature else ""
    blocks: list[Block] = [
        Paragraph(
            f"Here {called(result.model)} itself is scored, its own classes against the labels of {name}: "
            f"{_classes(result)}. Nothing is trained on these photographs{but}."
        ),
        Table(
            ("measure", "value", "95% interval"),
            rows,
            f"{result.n:,} photographs. Intervals: Wilson's for the accuracies (of the mean over classes at the "
            "effective number of photographs), the bootstrap's for the rest.",
        ),
        Discussion(discuss(result)),
        *(Picture(folder / figure, *_FIGURES[figure]) for figure in (CALIBRATION, ERRORS) if figure in figures),
    ]
    if max(one.accuracy.n for one in result.per_class) < _FEWEST:
        return blocks
    by_class = [name for name in (CONFUSION, CLASSES) if name in figures]
    blocks += [Picture(folder / name, *_FIGURES[name]) for name in by_class[:1]]
    blocks.append(
        Table(
            ("class", "recognised", "of", "right where named", "of "),
            [
                (
                    one.label, f"{one.accuracy.share:.3f}", str(one.accuracy.n),
                    f"{one.precision.share:.3f}" if one.precision.n else "never named", str(one.precision.n),
                )
                for one in result.hardest(_HARDEST)
            ],
            "The classes that are recognised least often: share of their photographs that are recognised (recall), "
            "and of the answers that name them those that are right (precision).",
        )
    )  # fmt: skip
    return blocks
