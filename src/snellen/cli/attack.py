"""``snellen attack``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.attacks.config import Method, Space
    from snellen.attacks.files import FolderResult
    from snellen.attacks.result import AttackResult
    from snellen.attacks.success_rates import AttackSummary

_MOST_ROWS_OF_A_FIGURE = 8


def attack(
    images: options.Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the attacked files.", file_okay=False)],
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Class to be seen: a name, an index, or random.")
    ] = None,
    epsilon: Annotated[
        str, typer.Option("--epsilon", "-e", help="Bound of the noise, such as 4/255; or min, the smallest that works.")
    ] = "4/255",
    untargeted: Annotated[bool, typer.Option("--untargeted", help="Any class but the right one will do.")] = False,
    label: Annotated[
        str | None,
        typer.Option(help="The class shown. Without it, what a WordNet folder name says, else the clean answer."),
    ] = None,
    method: Annotated[
        str, typer.Option(help="adaptive (signed, adapting steps) or ascent (the assignment's own rule).")
    ] = "adaptive",
    space: Annotated[
        str, typer.Option(help="image: the photograph's own pixels. input: the network's input.")
    ] = "image",
    robust: Annotated[bool, typer.Option("--robust", help="Survive mirror, crop, rotation and grayscale.")] = False,
    steps: Annotated[int | None, typer.Option(help="Most gradients for each photograph.")] = None,
    step_size: Annotated[float | None, typer.Option(help="The assignment's lambda, for ascent.")] = None,
    seed: Annotated[int, typer.Option(help="Of random targets, robust draws and the control.")] = 0,
    model: options.Model = options.DEFAULT_MODEL,
    json: options.Json = False,
    csv: options.Csv = False,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
) -> None:
    """Fooling it: noise that makes each saved file look like something else to the model."""
    output.exclusive(("--json", json), ("--csv", csv))
    output.exclusive(("--target", target is not None), ("--untargeted", untargeted))
    from snellen.errors import InputError

    if target is None and not untargeted:
        raise InputError("what is to be seen?", "--target NAME, or --untargeted")
    from typing import cast

    from snellen.attacks.config import SMALLEST, AttackConfig
    from snellen.attacks.files import attack_folder
    from snellen.attacks.success_rates import summarise
    from snellen.cli.classifier import load_classifier
    from snellen.data.images import expand
    from snellen.runs.files import Run, write_json
    from snellen.runs.serialise import to_json

    plan = AttackConfig(
        target=target,
        epsilon=epsilon,
        method=cast("Method", method),
        space=cast("Space", space),
        robust=robust,
        steps=steps,
        step_size=step_size,
        seed=seed,
    )
    with Run(out) as run:
        sources = expand(images)
        classifier = load_classifier(model, probe, architecture, device)
        labels = [label] * len(sources)
        with output.progress("Attacking", len(sources)) as advance:
            result = attack_folder(classifier, sources, plan, out, labels=labels, done=advance)
        accounts = summarise(result.attacks, smallest=epsilon == SMALLEST)
        whole = {"plan": plan, "accounts": accounts, "attacks": result.attacks, "failures": result.failures}
        write_json(out / "attacks.json", whole)
        _draw(result, accounts, out, space)
        provenance = classifier.provenance(result.data, seed=seed)
        run.write_manifest(provenance)
    if json:
        sys.stdout.write(to_json(whole))
    elif csv:
        sys.stdout.write((out / "attacks.csv").read_text(encoding="utf-8"))
    else:
        _print(result, accounts)
    for failure in result.failures:
        output.complain(failure.error)
    output.finish(len(result.failures))


def _draw(result: FolderResult, accounts: AttackSummary, out: Path, space: str) -> None:
    """Draw what there is to draw."""
    from snellen.attacks.figures import draw_attacks, draw_security
    from snellen.attacks.files import read_picture
    from snellen.runs.files import write_figure

    if 0 < len(result.attacks) <= _MOST_ROWS_OF_A_FIGURE and space == "image":
        write_figure(out / "attacks.png", draw_attacks([read_picture(one, out) for one in result.attacks]))
    if len(accounts.curve) > 0 and len(result.attacks) > 1:
        write_figure(out / "security.png", draw_security(accounts))


def _print(result: FolderResult, accounts: AttackSummary) -> None:
    from snellen.attacks.success_rates import discuss

    if not result.attacks:
        return
    from rich.table import Table

    table = Table("image", "was", "is now", "norm", "hit", box=None, pad_edge=False)
    table.columns[0].overflow = "fold"
    for one in result.attacks:
        was, now = (f"{p.label} {p.probability:.3f}" for p in (one.original, one.attacked.top))
        table.add_row(one.image, was, now, f"{one.norm}/255", _outcome(one))
    output.stdout.print(table, markup=False)
    for one in result.attacks:
        for held in one.held_out:
            line = f"{one.image}: {held.name}: {held.hits} of {held.draws} held-out draws, plain {held.plain_hits}"
            output.stdout.print(line, markup=False, soft_wrap=True)
        if one.reason is not None:
            output.complain(f"{one.image}: {one.reason}")
    output.stdout.print(discuss(accounts), markup=False)
    if result.resumed:
        output.stderr.print(f"{result.resumed} of them were done before and not attacked again", markup=False)


def _outcome(one: AttackResult) -> str:
    return "yes" if one.attacked.hit else "no, but changed" if one.attacked.changed else "no"
