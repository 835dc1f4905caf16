"""The exam's corruptions: the model's accuracy on labelled photographs in noise, blur, weather and compression."""

from __future__ import annotations

from snellen.evaluation.corrupted import CorruptionResult, evaluate_corruptions
from snellen.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from snellen.evaluation.files import CORRUPTIONS_FIGURE, write_corruptions
from snellen.exam.context import ENGINES_SPEED, Context, content_of, data_set, scored_on, short_name
from snellen.exam.parts.evaluation import mapping_fingerprint, mapping_of
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Paragraph, Picture, Reference, Table
from snellen.prose import plain, share

REFERENCES = (
    Reference(
        "Dan Hendrycks and Thomas Dietterich. Benchmarking Neural Network Robustness to Common Corruptions "
        "and Perturbations. ICLR 2019. arXiv 1903.12261.",
        r"corruptions?",
    ),
)
_SECONDS_OF_CORRUPTING = 0.015
"""Of one corruption of one photograph at the network's size, on the mean; measured on one core."""


def inputs(context: Context) -> object:
    """What decides the answer: the data set, how many of its photographs, and the mapping of its classes."""
    name = scored_on(context)[0]
    return name, content_of(data_set(name)), context.corruptions, mapping_fingerprint(context)


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: each photograph under each corruption at each severity."""
    trials = 1 + len(CORRUPTIONS) * len(SEVERITIES)
    every = len(data_set(scored_on(context)[0]))
    count = min(context.corruptions or every, every)
    return count * trials * (seconds_of_pass / ENGINES_SPEED + _SECONDS_OF_CORRUPTING)


def run(context: Context) -> Answer:
    """Score the model under the corruptions; write what ``evaluate --corruptions`` writes. Goes on after a kill."""
    name = scored_on(context)[0]
    result = evaluate_corruptions(
        context.classifier,
        data_set(name),
        most=context.corruptions or None,
        mapping=mapping_of(context),
        seed=context.seed,
        out=context.folder,
    )
    write_corruptions(result, context.folder)
    mean = result.mean_error
    blocks: list[Block] = [
        Paragraph(
            f"The model itself, on labelled photographs of {short_name(name)}, corrupted at the network's size. "
            f"{result.sampled} Each is classified under each corruption at five severities."
        ),
        Picture(
            context.folder / CORRUPTIONS_FIGURE,
            "Accuracy against severity, a panel for each group of corruptions; severity 0 is the photograph as it is.",
        ),
        Table(
            ("corruption", *(str(severity) for severity in SEVERITIES)),
            [(plain(one), *_shares(result, one)) for one in dict.fromkeys(each.corruption for each in result.outcomes)],
            f"Accuracy of {result.n} photographs at each severity; without a corruption {result.clean.share:.3f}.",
        ),
        Discussion(result.discussion().split("\n\n")),
    ]
    facts = [
        Fact("accuracy without a corruption", str(result.clean)),
        Fact("mean error under corruptions", f"{mean.value:.3f}, 95% interval {mean.interval}"),
    ]
    if result.against_alexnet is not None:
        error = result.against_alexnet.mean
        facts.append(Fact("mean corruption error (AlexNet is 1)", f"{error.value:.3f}"))
    headline = (
        f"Under corruptions it is right in {share(1 - mean.value)} ({share(1 - mean.high)} to {share(1 - mean.low)}), "
        f"without in {share(result.clean.share)} of {result.n} photographs"
    )
    data = f"{short_name(name)} ({result.n} photographs)"
    return Answer(data, facts, blocks, headline, content=result.provenance.data)


def _shares(result: CorruptionResult, corruption: str) -> list[str]:
    return [f"{result.outcome(corruption, severity).accuracy.share:.2f}" for severity in SEVERITIES]
