"""The exam's robust accuracy: what is left of the model's accuracy under the standard ensemble of attacks."""

from __future__ import annotations

from snellen.attacks.files import write_robustness
from snellen.attacks.robust_accuracy import EnsembleConfig, RobustnessResult, robust_accuracy
from snellen.evaluation.labelled import labelled_photographs
from snellen.exam.context import Context, content_of, data_set, scored_on, short_name
from snellen.exam.parts.evaluation import mapping_fingerprint, mapping_of
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Paragraph, Picture, Reference, Table
from snellen.prose import counted, how_many

REFERENCES = (
    Reference(
        "Francesco Croce and Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble "
        "of diverse parameter-free attacks. ICML 2020. arXiv 2003.01690.",
        r"Auto-?PGD|AutoAttack",
    ),
    Reference(
        "Maksym Andriushchenko et al. Square Attack: a query-efficient black-box adversarial attack via "
        "random search. ECCV 2020. arXiv 1912.00049.",
        r"Square( Attack)?",
    ),
    Reference(
        "Nicholas Carlini et al. On Evaluating Adversarial Robustness. 2019. arXiv 1902.06705.", r"masked gradients"
    ),
)
_PASSES = 15
"""Of a photograph that falls to the first attack, as those of an ordinary network do, in large batches; one that stands
takes some 12,000."""


def inputs(context: Context) -> object:
    """What decides the answer: the data set, how many of its photographs, the bound, the mapping of its classes."""
    name = scored_on(context)[0]
    return name, content_of(data_set(name)), context.robust_accuracy, context.epsilon, mapping_fingerprint(context)


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes where photographs fall early; see :data:`_PASSES`."""
    every = len(data_set(scored_on(context)[0]))
    return min(context.robust_accuracy or every, every) * _PASSES * seconds_of_pass


def run(context: Context) -> Answer:
    """Attack the photographs; write what ``evaluate --epsilon`` writes. Goes on after a kill."""
    name = scored_on(context)[0]
    chosen = labelled_photographs(
        context.classifier,
        data_set(name),
        most=context.robust_accuracy or None,
        mapping=mapping_of(context),
        seed=context.seed,
    )
    result = robust_accuracy(
        context.classifier,
        chosen.read(),
        EnsembleConfig((context.epsilon,), seed=context.seed),
        dataset=name,
        sampled=chosen.sampled,
        data=chosen.data,
        out=context.folder,
    )
    write_robustness(result, context.folder)
    point = result.points[0]
    facts = [
        Fact("accuracy without an attack", str(result.clean)),
        Fact(f"robust accuracy within {point.epsilon}", str(point.accuracy)),
    ]
    if result.check.suspicious:
        facts.append(Fact("warning", "signs of masked gradients: the robust accuracy is likely to be overstated"))
    headline = (
        f"Of {counted(result.n, 'photograph')} it gets {how_many(result.clean.count)} right, and "
        f"{how_many(point.accuracy.count)} under every attack within {point.epsilon}"
    )
    data = f"{short_name(name)} ({result.n} photographs)"
    return Answer(data, facts, _blocks(result, name, context), headline, content=result.provenance.data)


def _blocks(result: RobustnessResult, name: str, context: Context) -> list[Block]:
    point, check = result.points[0], result.check
    return [
        Paragraph(
            f"The model itself, on labelled photographs of {short_name(name)}. {result.sampled} Each is attacked on "
            f"the network's input, untargeted, within {point.epsilon} in the infinity norm, by the standard ensemble: "
            "Auto-PGD on the cross-entropy, Auto-PGD and FAB towards other classes, and Square, which sees no gradient."
            " A photograph counts as robust where it is classified right and none of them changes that."
        ),
        Picture(
            context.folder / "robustness.png", "Accuracy against the bound of the attack, with its 95% interval.", 0.45
        ),
        Table(
            ("attack", "photographs that it was the first to fell"),
            [(attack, str(count)) for attack, count in point.felled.items()],
            f"Of {result.clean.count} that are right without an attack.",
        ),
        Table(
            ("sign of masked gradients", "photographs"),
            [
                ("gradient zero or not a number", str(check.zero_gradients)),
                ("fell to the black-box attack only", str(check.black_box_only)),
                ("one step fells and twenty do not", str(check.one_step_only)),
                ("stood within an unbounded distance", str(check.unbounded.n - check.unbounded.count)),
            ],
            f"Of {check.photographs} that were checked; none of these should be many.",
        ),
        Discussion(result.discussion().split("\n\n")),
    ]
