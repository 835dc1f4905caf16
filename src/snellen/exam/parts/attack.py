"""The exam's attack: its photographs become space shuttles, in files that look the same."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from snellen.attacks.attack import attack, png_bytes
from snellen.attacks.config import AttackConfig, epsilon_steps
from snellen.attacks.control import DRAWS, RandomSigns, random_signs
from snellen.attacks.discussion import (
    discuss_attacks,
    discuss_rule,
    discuss_visibility,
    headline,
    random_hits,
    step_sizes,
    why_the_attack,
)
from snellen.attacks.figures import draw_attacks, draw_details, draw_probability_curves
from snellen.attacks.files import REPORTS
from snellen.attacks.folder import MOST_ROWS, FolderResult, attack_folder
from snellen.attacks.gradients import EOT_SAMPLES
from snellen.attacks.least_bound import LeastBound, least_bound
from snellen.attacks.result import AttackResult
from snellen.attacks.state import ROBUST_STEPS, STEPS
from snellen.attacks.visibility import JPEG_QUALITY, Visibility, visibility
from snellen.data.images import Failure
from snellen.errors import SnellenError
from snellen.exam.context import Context, content_of_files, fingerprints, megapixels, names_of, photograph_names
from snellen.exam.report.document import (
    Answer,
    Block,
    Discussion,
    Fact,
    Heading,
    Paragraph,
    Picture,
    Points,
    Reference,
    Table,
)
from snellen.models.predictions import Prediction
from snellen.prose import called, counted, decimal, in_percent, listed, share, with_article, word
from snellen.runs import ledger
from snellen.runs.files import write_bytes, write_figure, write_json

REFERENCES = (
    Reference(
        "Francesco Croce and Matthias Hein. Reliable evaluation of adversarial robustness with an ensemble "
        "of diverse parameter-free attacks. ICML 2020. arXiv 2003.01690.",
        r"Auto-?PGD|AutoAttack",
    ),
    Reference(
        "Ian J. Goodfellow, Jonathon Shlens and Christian Szegedy. Explaining and harnessing adversarial "
        "examples. ICLR 2015. arXiv 1412.6572.",
        r"Goodfellow et al\., arXiv 1412\.6572",
    ),
    Reference(
        "Yoshua Bengio et al. Estimating or propagating gradients through stochastic neurons. 2013. arXiv 1308.3432.",
        r"rounded to 8 bits",
    ),
)

ASKED = (
    (
        "Problem 4, part 1",
        "Four photographs: original, noise, and both together, with classes and probabilities",
        "",
        "",
    ),
)
_MOST_ROWS_OF_A_TABLE = 24
_ROWS_OF_A_PICTURE = 4
_CODE = """from snellen.attacks.figures import draw_attacks, draw_details
from snellen.attacks.visibility import visibility
from snellen.exam.results import read_attacks

attacks = read_attacks()
"""
_CODE_OF_THE_RULE = """from snellen.attacks.figures import draw_probability_curves
from snellen.exam.results import read_rules

above = {one.name: one for one in attacks}
draw_probability_curves([(above[rule.name], rule) for rule in read_rules()])"""
_CODE_OF_THE_RULES_FILE = """from snellen.exam.results import read_rules

draw_attacks([rule for rule in read_rules() if rule.file])"""
_FILES_OF_THE_RULE = "rule-attacked{}.png"
"""What the assignment's own update made of photographs; attacked files end otherwise."""
_USUAL_GRADIENTS = 12
GRADIENTS_OF_THE_RULE = STEPS["apgd"]
"""The most that the assignment's own update is given on each photograph: as many as the attack."""
_USUAL_GRADIENTS_OF_THE_RULE = 20
_GRADIENTS_OF_A_BOUND, _USUAL_GRADIENTS_OF_A_BOUND = 20, 15
"""The most, and the usual number, in which a smaller bound is tried on each of the first photographs."""
_GRADIENTS_OF_A_CONTROL = 3
"""Beside its draws: at the photograph, a step along that gradient, and the attacked file."""
_SECONDS_OF_A_MEGAPIXEL = 0.08
"""Of one gradient through the resize and the crop, beside the network's; measured on two cores."""
_SECONDS_OF_A_PHOTOGRAPH = 1.5
"""Of writing a file, reading it back, the control, and the figures' rows."""
_PASSES_OF_A_CONVERSION = 300
"""What it costs to make the graph that gradients are taken by, once for both searches."""
_CONSTANT_STEP_SIZE = 1.0
ASKED_FOR = 4
"""Photographs that the assignment asks for."""
_METHODS = {
    "apgd": "The search is Auto-PGD: signed steps with momentum whose size adapts, along the logarithm of the target's "
    "probability, on values that are always rounded to 8 bits.",
    "gradient_ascent": "The search is the assignment's own update: steps along the gradient of the target's "
    "probability, each with a step size that backtracking finds.",
}
_BESIDE = "The assignment's own update was given as many gradients on the same photographs ([[attack/rule]])."
_STOPS = f"A search stops once the target has {share(AttackConfig.confidence)}, so that it does not seek the most. "
_ROBUST = (
    " It is robust: each step follows the mean over transforms that are drawn (mirror, crop, rotation, grayscale), so "
    "that the file outlives them."
)


def inputs(context: Context) -> object:
    """What decides the answer: photographs, their labels, how they were chosen, target, bound, methods."""
    photographs = [fingerprints(context.photographs), context.expected, context.chosen]
    return [*photographs, context.target, context.epsilon, context.attack, context.homework]


def attack_photographs(context: Context, folder: Path) -> FolderResult:
    """Attack the photographs into ``folder``; what is done there already is not done again.

    Raises:
        SnellenError: none of them could be attacked.
    """
    asked = context.attack
    config = AttackConfig(context.target, context.epsilon, method=asked.method, robust=asked.robust, seed=context.seed)
    result = attack_folder(context.classifier, context.photographs, config, folder, labels=context.expected)
    _remove_earlier(folder, result)
    if not result.attacks:
        raise SnellenError(f"no photograph could be attacked: {result.failures[0].error}")
    return result


def _remove_earlier(folder: Path, result: FolderResult) -> None:
    """Remove the attacked files of an earlier draw and what is said of them."""
    stems = {one.file.removesuffix(".png") for one in result.attacks}
    kept = {f"{stem}.png" for stem in stems} | {f"{REPORTS}/{stem}.json" for stem in stems}
    for name in ledger.files_below(folder):
        if name.endswith(("adversarial.png", "adversarial.json")) and name not in kept:
            ledger.remove(folder / name)


def seconds(context: Context, seconds_of_pass: float) -> float:
    """Seconds that :func:`run` takes, roughly: each photograph's gradients, each as long as three passes and the way
    through the photograph's own pixels; those of the assignment's own update and of smaller bounds on the first four;
    and what comes once.

    Auto-PGD ends at a confident success, on ordinary networks after a dozen gradients; the others take all their steps.
    """
    gradients = _USUAL_GRADIENTS if context.attack.method == "apgd" else STEPS["gradient_ascent"]
    if context.attack.robust:
        gradients += ROBUST_STEPS * EOT_SAMPLES
    beside = _USUAL_GRADIENTS_OF_THE_RULE if tries_the_rule(context) else 0
    beside += _USUAL_GRADIENTS_OF_A_BOUND * _bounds_tried(context)
    once = _PASSES_OF_A_CONVERSION * seconds_of_pass + _SECONDS_OF_A_PHOTOGRAPH * len(context.photographs)

    def of_gradient(photographs: Sequence[str]) -> float:
        return 3 * seconds_of_pass * len(photographs) + _SECONDS_OF_A_MEGAPIXEL * megapixels(photographs)

    once += (DRAWS + 3 * _GRADIENTS_OF_A_CONTROL) * seconds_of_pass * len(context.photographs[:ASKED_FOR])
    return once + gradients * of_gradient(context.photographs) + beside * of_gradient(context.photographs[:ASKED_FOR])


def _bounds_tried(context: Context) -> int:
    """How many smaller bounds it takes to find the least that is enough on a photograph; a robust attack has none."""
    most = epsilon_steps(context.epsilon) or 0
    return 0 if context.attack.robust else max(most - 1, 0).bit_length()


def _least_bounds(context: Context, attacks: Sequence[AttackResult]) -> list[LeastBound]:
    """The least bound that is enough on each of some photographs whose attack succeeded; none for a robust attack."""
    if context.attack.robust:
        return []
    config = AttackConfig(context.target, method=context.attack.method, steps=_GRADIENTS_OF_A_BOUND, seed=context.seed)
    return [least_bound(context.classifier, one, config) for one in attacks if one.attacked.success]


def tries_the_rule(context: Context) -> bool:
    """Whether the assignment's own update is tried beside the search."""
    return context.homework and context.attack.method != "gradient_ascent" and not context.attack.robust


def run(context: Context) -> Answer:
    """Attack; write the attacked files, ``result.json`` and ``attacks.png``."""
    classifier = context.classifier
    result = attack_photographs(context, context.folder)
    attacks = result.attacks
    write_json(context.folder / "result.json", {**result.to_dict(), "provenance": context.provenance})
    controls = [random_signs(classifier, one, context.seed) for one in attacks[:ASKED_FOR]]
    write_json(context.folder / "control.json", {"controls": controls, "provenance": context.provenance})
    least = _least_bounds(context, attacks[:ASKED_FOR])
    write_json(context.folder / "least-bounds.json", {"bounds": least, "provenance": context.provenance})
    pairs = _tried_by_the_rule(context, attacks[:ASKED_FOR])
    shown, names = attacks[:_MOST_ROWS_OF_A_TABLE], photograph_names([one.name for one in attacks])
    visible = [visibility(one) for one in shown]
    details = context.folder / "details.png"
    write_figure(details, draw_details(attacks[:_ROWS_OF_A_PICTURE], visible[:_ROWS_OF_A_PICTURE]))
    assert attacks[0].target is not None  # the exam's attack has one
    blocks: list[Block] = [
        Paragraph(
            f"{_each(len(context.photographs))} is to be seen as {with_article(attacks[0].target.label)} (class "
            f"{attacks[0].target.index}) by {called(classifier.name)}. The noise moves the photograph's own pixels, "
            f"by at most {context.epsilon} in any channel; the gradient flows back through the resize and the crop. "
            f"{_METHODS[context.attack.method]}"
            f"{_ROBUST if context.attack.robust else ''} "
            f"{'' if context.attack.robust else _STOPS}Each result is written as a PNG as large as the photograph, "
            "read back from disk, and classified as any photograph is; the numbers are of those files. "
            f"[[attack/attacks]] shows {'the first' if len(attacks) > MOST_ROWS else 'all'}, [[attack/noises]] says "
            f"how large the noise is{_named_beside(attacks, controls)}."
        ),
        *([Paragraph(f"{_BESIDE} {why_the_attack(pairs)}")] if pairs else []),
        *_pictures(attacks[:MOST_ROWS], len(attacks), context.folder),
        _noises(shown, visible, least, len(attacks)),
        *([_classes(shown, len(attacks))] if len(attacks) > MOST_ROWS else []),
        *_linear(controls),
    ]
    reasons = [
        *(f"{names[a.name]}: {a.reason}" for a in attacks if a.reason),
        *(f.error for f in result.failures),
    ]
    if reasons:
        blocks.append(Points(reasons))
    blocks += [
        Picture(
            details,
            _about_details(visible[:_ROWS_OF_A_PICTURE], len(attacks)),
            0.75 * min(len(attacks), _ROWS_OF_A_PICTURE) / _ROWS_OF_A_PICTURE,
            name="details",
        ),
        Discussion([*discuss_attacks(attacks, controls), *_about_visibility(visible, least)]),
        *_by_the_rule(context, pairs),
    ]
    successes = sum(one.attacked.success for one in attacks)
    facts = (
        Fact("target", attacks[0].target.label),
        Fact(f"saved files seen as the target within {context.epsilon}", f"{successes} of {len(attacks)}"),
        Fact("draws of random noise of that size that do the same", random_hits(controls)),
    )
    first = context.folder / "first.png"
    write_figure(first, draw_attacks(attacks[:1]))
    return Answer(
        names_of([one.name for one in attacks]),
        facts,
        blocks,
        headline(attacks, controls) + _left_out(result.failures),
        Picture(first, "Original, noise made visible, attacked file."),
        _shortfalls(attacks, names, context) + [("", failure.error) for failure in result.failures],
        content=content_of_files(context.photographs),
    )


def _left_out(failures: Sequence[Failure]) -> str:
    """How many photographs could not be attacked, as the end of a sentence."""
    return f"; {counted(len(failures), 'photograph')} could not be attacked" if failures else ""


def _about_visibility(visible: Sequence[Visibility], least: Sequence[LeastBound]) -> list[str]:
    """How visible the noise is, and where to look; empty where nothing changed."""
    said = discuss_visibility(visible, least)
    return [f"{said} [[attack/details]] shows these cells, each original above its attacked file."] if said else []


def _named_beside(attacks: Sequence[AttackResult], controls: Sequence[RandomSigns]) -> str:
    """What the tables hold that are not always there, as the end of a sentence."""
    named = [
        "[[attack/classes]] gives the classes before and after" if len(attacks) > MOST_ROWS else "",
        "[[attack/linear]] how much of what the target needs is gained" if _linear(controls) else "",
    ]
    return "".join(f", {one}" for one in named if one)


def _linear(controls: Sequence[RandomSigns]) -> list[Table]:
    """What the target lacks on each photograph, and what one step along the gradient and the attack's noise gain.

    Of those on which something has to be gained; no table where that is nowhere.
    """
    some = [one for one in controls if one.gap > 0]
    names = photograph_names([one.name for one in some])
    rows = [
        (
            names[one.name],
            *(decimal(logits, 1) for logits in (one.gap, one.most, one.stepped, one.gained, one.promised)),
            decimal(one.cosine, 2),
        )
        for one in some
    ]
    columns = ("photograph", "needed", "sum", "one step gains", "noise gains", "to first order", "cosine")
    caption = (
        "The target's logit less that of the class that is seen. Needed: what it lacks. Sum: what it gains to first "
        f"order if each value of the network's input moves {controls[0].epsilon}/255 along its gradient's sign. One "
        "step gains: what that step gains in fact, clipped to 8 bits. Noise gains: what the attack's noise gains in "
        "fact; to first order: what the photograph's gradient promises for that noise. Cosine: of the gradients at the "
        "attacked file and at the photograph, 1 the same direction."
    )
    return [Table(columns, rows, caption, "linear")] if some else []


def _classes(shown: Sequence[AttackResult], of: int) -> Table:
    """Of the first of so many attacks the classes before and after."""
    names = photograph_names([one.name for one in shown])
    rows = [
        (
            names[one.name],
            _numbered(one.original),
            in_percent(one.original.probability),
            _numbered(one.attacked.top),
            in_percent(one.attacked.top.probability),
        )
        for one in shown
    ]
    return Table(
        ("photograph", "original", "probability", "attacked file", "probability"),
        rows,
        "The most likely class before and after, with its number among the network's, as read from the files."
        f"{_first(len(shown), of)}",
        "classes",
    )


def _numbered(seen: Prediction) -> str:
    """A class with its number: ``space shuttle (812)``."""
    return f"{seen.label} ({seen.index})"


def _noises(
    shown: Sequence[AttackResult], visible: Sequence[Visibility], least: Sequence[LeastBound], of: int
) -> Table:
    """Of the first of so many attacks how large the noise is, beside what JPEG does there.

    Args:
        shown: the first attacks.
        visible: how visible each is.
        least: least bounds, as far as they are known.
        of: number of all attacks.
    """
    names = photograph_names([one.name for one in shown])
    enough = {one.name: f"{one.steps}" for one in least}
    rows = [
        (
            names[one.name],
            "{:,} x {:,}".format(*seen.size),
            str(one.norm),
            enough.get(one.name, ""),
            *(f"{psnr:.1f}" if math.isfinite(psnr) else "" for psnr in (seen.psnr, seen.jpeg_psnr)),
            f"{100 * seen.flattest.standing_out:.1f}",
        )
        for one, seen in zip(shown, visible, strict=True)
    ]
    return Table(
        (
            "photograph",
            "pixels",
            "max |noise| (1/255)",
            "least bound (1/255)",
            "PSNR (dB)",
            f"PSNR of JPEG {JPEG_QUALITY} (dB)",
            "stands out (% of area)",
        ),
        rows,
        "The noise of the attacked files. PSNR: 10 log10(255² / d), d the mean squared difference of the 8-bit values "
        f"within the rectangle that the noise covers; of the photograph as JPEG of quality {JPEG_QUALITY}, in the same "
        "rectangle. Stands out: share of that rectangle's cells that are not dark and in which the noise has more "
        f"contrast than the photograph's own detail.{_least_bound_is(least)}{_first(len(shown), of)}",
        "noises",
    )


def _least_bound_is(least: Sequence[LeastBound]) -> str:
    """What a table's least bounds are; that column is blank where there are none."""
    if not least:
        return ""
    return (
        " Least bound: the smallest within which the same search, in at most "
        f"{_GRADIENTS_OF_A_BOUND} gradients, makes the target the most likely class."
    )


def _first(shown: int, of: int) -> str:
    return f" The first {shown} of {of}; attacks.csv has all." if shown < of else ""


def _about_details(visible: Sequence[Visibility], of: int) -> str:
    """What the figure of details shows, and how large it is on each photograph."""
    widths = [one.flattest.around[1].stop - one.flattest.around[1].start for one in visible]
    alike = min(widths) == max(widths)
    wide = f"{widths[0]} pixels" if alike else f"{listed([str(one) for one in widths])} pixels"
    return (
        "Where noise is seen most easily: framed is the flattest cell of each photograph's attacked area (a dark one "
        f"only where all are), and what lies around it, {wide} of the photograph wide"
        f"{'' if alike else ' from left to right'}: of the original, of its attacked file and of the noise, pixel by "
        "pixel. The noise is stretched so that its bound is black and white."
        + (f" The first {len(visible)} of {of}." if of > len(visible) else "")
    )


def _each(count: int) -> str:
    return "The photograph" if count == 1 else f"Each of the {word(count)} photographs"


def _pictures(shown: Sequence[AttackResult], of: int, folder: Path) -> list[Picture]:
    """As many figures as it takes for each to fit on a page."""
    pictures: list[Picture] = []
    for start in range(0, len(shown), _ROWS_OF_A_PICTURE):
        path = folder / ("attacks.png" if start == 0 else f"attacks-{start // _ROWS_OF_A_PICTURE + 1}.png")
        write_figure(path, draw_attacks(shown[start : start + _ROWS_OF_A_PICTURE]))
        caption = "The same for further photographs." + (
            f" All are the first {MOST_ROWS} of {of}." if of > MOST_ROWS else ""
        )
        if start == 0:
            caption = (
                "The original with its most likely class, the noise made stronger as its title says (gray where "
                "nothing changes; of a large photograph only one pixel in several is drawn, since to average them "
                "would take the noise away), and the file that holds both with its new most likely class."
            )
        pictures.append(Picture(path, caption, 0.8, name="" if start else "attacks"))
    return pictures


def code(_: Context, picture: str) -> str:
    """Python that draws ``picture`` anew in a notebook; empty where none does."""
    if picture == "details.png":
        shown = f"attacks[:{_ROWS_OF_A_PICTURE}]"
        return f"draw_details({shown}, [visibility(one) for one in {shown}])"
    if picture == "rule.png":
        return _CODE_OF_THE_RULE
    if picture == "rule-rows.png":
        return _CODE_OF_THE_RULES_FILE
    numbered = re.fullmatch(r"attacks(?:-([1-9]\d{0,2}))?\.png", picture)
    if numbered is None:
        return ""
    start = (int(numbered[1] or 1) - 1) * _ROWS_OF_A_PICTURE
    return f"{'' if start else _CODE}draw_attacks(attacks[{start}:{start + _ROWS_OF_A_PICTURE}])"


def _tried_by_the_rule(context: Context, attacks: Sequence[AttackResult]) -> list[tuple[AttackResult, AttackResult]]:
    """Attacks, each with the assignment's own update on its photograph; none where that is not to be tried."""
    config = AttackConfig(
        context.target, context.epsilon, method="gradient_ascent", steps=GRADIENTS_OF_THE_RULE, seed=context.seed
    )
    strong = {one.name: one for one in attacks if one.curve}
    if not tries_the_rule(context) or not strong:
        return []
    tried = attack(context.classifier, [one.source for one in strong.values()], config=config)
    return [(strong[rule.name], rule) for rule in tried if isinstance(rule, AttackResult)]


def _by_the_rule(context: Context, pairs: Sequence[tuple[AttackResult, AttackResult]]) -> list[Block]:
    """The assignment's own update beside the search that was taken."""
    for name in ledger.files_below(context.folder):
        if name == "rule.json" or name.startswith("rule-attacked"):
            ledger.remove(context.folder / name)
    if not pairs:
        return []
    reached = [rule for _, rule in pairs if rule.attacked.success]
    files = {
        rule.name: _FILES_OF_THE_RULE.format("" if number == 1 else f"-{number}")
        for number, rule in enumerate(reached, 1)
    }
    rules = [dataclasses.replace(rule, file=files.get(rule.name, "")) for _, rule in pairs]
    write_json(context.folder / "rule.json", {"attacks": rules, "provenance": context.provenance})
    picture = context.folder / "rule.png"
    write_figure(picture, draw_probability_curves(pairs))
    return [
        Heading("The assignment's own update"),
        Paragraph(
            "[[attack/rule]] holds the assignment's update against the search, and [[attack/rule-curves]] shows how "
            "the target's probability rises in both"
            f"{'; [[attack/rule-rows]] shows its files' if reached else ''}."
        ),
        _beside(pairs),
        Picture(
            picture,
            "Above P(y_fool) at each gradient that is taken, below how steep it is there (the norm of dP/dX\N{PRIME}): "
            "of the search of [[attack/attacks]], and of the assignment's update with at most "
            f"{GRADIENTS_OF_THE_RULE} gradients. Its line goes through the steps that it accepted; crosses: tries that "
            "it took back. Of a long search only some points are marked. Above, probabilities near 0 and near 1 are "
            "spread alike (a logit scale). Dotted: where a search stops.",
            1.0,
            name="rule-curves",
        ),
        *([_rows_of_the_rule([rule for rule in rules if rule.file], context.folder)] if reached else []),
        Discussion(discuss_rule(pairs, GRADIENTS_OF_THE_RULE, _CONSTANT_STEP_SIZE)),
    ]


def _beside(pairs: Sequence[tuple[AttackResult, AttackResult]]) -> Table:
    """The target's probability and the gradients of either search."""
    names = photograph_names([rule.name for _, rule in pairs])
    rows = [
        (
            names[rule.name],
            *_reached(rule),
            step_sizes(rule),
            *_reached(strong),
        )
        for strong, rule in pairs
    ]
    return Table(
        (
            "photograph",
            "assigned update: probability",
            "gradients",
            "λ, first to last",
            "attack: probability",
            "gradients",
        ),
        rows,
        "The target's probability in the file that each search made, and its gradients; λ of the first and of the last "
        f"step that the update accepted. A search stops once it has {share(AttackConfig.confidence)}: where both did, "
        "only their gradients can be compared.",
        "rule",
    )


def _reached(one: AttackResult) -> tuple[str, str]:
    return "" if one.attacked.target is None else in_percent(one.attacked.target), str(one.gradients)


def _rows_of_the_rule(rules: Sequence[AttackResult], folder: Path) -> Picture:
    """Keep the files that the assignment's own update made of the photographs that it fooled, and draw them."""
    for rule in rules:
        write_bytes(folder / rule.file, png_bytes(rule.image))
    picture = folder / "rule-rows.png"
    write_figure(picture, draw_attacks(rules))
    which = "photographs" if len(rules) > 1 else "photograph"
    return Picture(
        picture,
        f"By the assignment's update, for the {which} on which it reached the target: the original, the noise made "
        "stronger as its title says, and the file that holds both, with probabilities.",
        0.65,
        name="rule-rows",
    )


def _shortfalls(attacks: Sequence[AttackResult], names: Mapping[str, str], context: Context) -> list[tuple[str, str]]:
    """What the assignment asks of the photographs and these are not."""
    labels = dict(zip(context.photographs, context.expected, strict=True))
    unlabelled = [names[one.name] for one in attacks if labels.get(str(one.source)) is None]
    wrong = [names[one.name] for one in attacks if not one.correct]
    missed = [names[one.name] for one in attacks if not one.attacked.success]
    reasons = [
        f"{len(attacks)} of {ASKED_FOR} photographs" if len(attacks) < ASKED_FOR else "",
        "none is called peppers" if not any("peppers" in name.lower() for name in names.values()) else "",
        f"nobody said what {names_of(unlabelled)} shows" if unlabelled else "",
        f"{names_of(wrong)} seen wrongly before the attack" if wrong else "",
        f"{names_of(missed)} not fooled" if missed else "",
    ]
    return [("", reason) for reason in reasons if reason]
