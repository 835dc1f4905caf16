"""The exam's attack: four photographs become space shuttles, in files that look the same."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from snellen.attacks.config import AttackConfig
from snellen.attacks.discussion import discuss_attacks, headline
from snellen.attacks.figures import draw_attacks, draw_details
from snellen.attacks.folder import FolderResult, attack_folder
from snellen.attacks.result import AttackResult
from snellen.errors import SnellenError
from snellen.exam.context import Context, fingerprints, names_of
from snellen.exam.report.document import Answer, Block, Discussion, Fact, Paragraph, Picture, Points, Table
from snellen.runs.files import write_figure, write_json

REFERENCES = (
    "Francesco Croce and Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble of diverse "
    "parameter-free attacks. ICML 2020. arXiv 2003.01690.",
    "Ian J. Goodfellow, Jonathon Shlens and Christian Szegedy. Explaining and harnessing adversarial examples. ICLR "
    "2015. arXiv 1412.6572.",
    "Yoshua Bengio et al. Estimating or propagating gradients through stochastic neurons. 2013. arXiv 1308.3432.",
)

ASKED = (
    ("Problem 4, part 1", "Four photographs: original, noise, and both together, with classes and probabilities", ""),
)
PHOTOGRAPHS = 4
"""As many as the assignment asks for: the first ones."""


def inputs(context: Context) -> object:
    """What decides the answer: the first four photographs, their labels, the target and the bound."""
    some = slice(PHOTOGRAPHS)
    return [fingerprints(context.photographs[some]), context.expected[some], context.target, context.epsilon]


def attack_photographs(context: Context, folder: Path) -> FolderResult:
    """Attack the first four photographs into ``folder``; what is done there already is not done again.

    Raises:
        SnellenError: none of them could be attacked.
    """
    photographs = list(context.photographs[:PHOTOGRAPHS])
    config = AttackConfig(context.target, context.epsilon, seed=context.seed)
    labels = context.expected[:PHOTOGRAPHS]
    result = attack_folder(context.classifier, photographs, config, folder, labels=labels)
    if not result.attacks:
        raise SnellenError(f"no photograph could be attacked: {result.failures[0].error}")
    return result


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: 40 gradients for each photograph, each as long as three passes."""
    return 40 * 3 * seconds_of_pass * min(len(context.photographs), PHOTOGRAPHS)


def run(context: Context) -> Answer:
    """Attack; write the attacked files, ``result.json`` and ``attacks.png``."""
    classifier = context.classifier
    result = attack_photographs(context, context.folder)
    attacks = result.attacks
    write_json(context.folder / "result.json", {**result.to_dict(), "provenance": context.provenance})
    picture = context.folder / "attacks.png"
    write_figure(picture, draw_attacks(attacks))
    details = context.folder / "details.png"
    write_figure(details, draw_details(attacks))
    assert attacks[0].target is not None  # the exam's attack has one
    blocks: list[Block] = [
        Paragraph(
            f"Each photograph is to be seen as a {attacks[0].target.label} by {classifier.name}. The noise moves the "
            f"photograph's own pixels, by at most {context.epsilon} in any channel; the gradient flows back through "
            "the resize and the crop. The search is Auto-PGD: signed steps with momentum whose size adapts, along the "
            "logarithm of the target's probability, on values that are always rounded to 8 bits. Each result is "
            "written as a PNG as large as the photograph, read back from disk, and classified as any photograph is; "
            "the numbers below are of those files. The assignment's own update, the method gradient_ascent, stalls "
            "where the target's probability is near zero."
        ),
        Picture(
            picture,
            "The original with its most likely class, the noise made stronger as its title says (gray where nothing "
            "changes; of a large photograph every few pixels, as they are), and the file that holds both with its new "
            "most likely class.",
        ),
        Picture(
            details,
            "The same detail of each original, of its attacked file and of the noise, pixel by pixel; the noise is "
            "stretched so that its bound is black and white.",
            0.66,
        ),
        Table(
            ("photograph", "original", "probability", "attacked file", "probability", "norm x 255", "gradients"),
            [
                (
                    Path(one.name).name,
                    one.original.label,
                    f"{one.original.probability:.4f}",
                    one.attacked.top.label,
                    f"{one.attacked.top.probability:.4f}",
                    str(one.norm),
                    str(one.gradients),
                )
                for one in attacks
            ],
            "The most likely class before and after, as read from the files.",
        ),
    ]
    reasons = [
        *(f"{Path(a.name).name}: {a.reason}" for a in attacks if a.reason),
        *(f.error for f in result.failures),
    ]
    if reasons:
        blocks.append(Points(reasons))
    blocks.append(Discussion(discuss_attacks(attacks)))
    successes = sum(one.attacked.success for one in attacks)
    controls = sum(one.control.success for one in attacks)
    facts = (
        Fact(
            f"saved files seen as {attacks[0].target.label} within {context.epsilon}", f"{successes} of {len(attacks)}"
        ),
        Fact("the same after uniform noise of that size", f"{controls} of {len(attacks)}"),
    )
    first = context.folder / "first.png"
    write_figure(first, draw_attacks(attacks[:1]))
    return Answer(
        names_of([one.name for one in attacks]),
        facts,
        blocks,
        headline(attacks),
        Picture(first, "Original, noise made visible, attacked file."),
        _shortfalls(attacks),
    )


def _shortfalls(attacks: Sequence[AttackResult]) -> list[tuple[str, str]]:
    """What the assignment asks of the photographs and these are not."""
    names = [Path(one.name).name for one in attacks]
    wrong = [name for name, one in zip(names, attacks, strict=True) if not one.correct]
    missed = [name for name, one in zip(names, attacks, strict=True) if not one.attacked.success]
    reasons = [
        f"{len(attacks)} of {PHOTOGRAPHS} photographs" if len(attacks) < PHOTOGRAPHS else "",
        "none is called peppers" if not any("peppers" in name.lower() for name in names) else "",
        f"{', '.join(wrong)} seen wrongly before the attack" if wrong else "",
        f"{', '.join(missed)} not fooled" if missed else "",
    ]
    return [("", reason) for reason in reasons if reason]
