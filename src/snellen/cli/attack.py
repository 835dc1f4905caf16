"""``snellen attack``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from snellen.attacks.folder import FolderResult
    from snellen.attacks.result import AttackResult


@options.describes_a_model
def attack(
    images: options.Images,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for the attacked files.", file_okay=False)],
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="Class to be seen: a name, an index, a WordNet id, or random.")
    ] = None,
    epsilon: Annotated[
        str, typer.Option("--epsilon", "-e", help="Bound of the noise, such as 4/255; or min, the smallest that works.")
    ] = "4/255",
    untargeted: Annotated[bool, typer.Option("--untargeted", help="Any class but the right one will do.")] = False,
    label: Annotated[
        str | None,
        typer.Option(help="The class shown. Without it, the one that the folder is named as, else the clean answer."),
    ] = None,
    photo_labels: options.PhotoLabels = None,
    method: Annotated[
        Literal["apgd", "gradient_ascent"],
        typer.Option(help="apgd: signed, adapting steps. gradient_ascent: the assignment's own rule."),
    ] = "apgd",
    space: Annotated[
        Literal["image", "input"],
        typer.Option(help="image: the photograph's own pixels. input: the network's input."),
    ] = "image",
    robust: Annotated[bool, typer.Option("--robust", help="Survive mirror, crop, rotation and grayscale.")] = False,
    steps: Annotated[
        int | None,
        typer.Option(help="Largest number of gradients for each photograph: 100, or 200 for gradient_ascent.", min=1),
    ] = None,
    step_size: Annotated[
        float | None,
        typer.Option(
            help="The assignment's lambda, for gradient_ascent. Without it, epsilon over the mean of |dP/dX| at first, "
            "1.2 times the share where P rises, taken back and halved where it falls."
        ),
    ] = None,
    seed: options.Seed = 0,
    model: options.Model = options.DEFAULT_MODEL,
    ensemble: Annotated[
        list[str] | None,
        typer.Option("--ensemble", help="Another model that the same file is to fool; once for each."),
    ] = None,
    also: Annotated[
        list[str] | None,
        typer.Option("--also", help="Another model that is shown the attacked files; once for each."),
    ] = None,
    json: options.Json = False,
    csv: options.Csv = False,
    probe: options.Probe = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """Fooling it: noise that makes each saved file look like something else to the model."""
    output.exclusive(("--json", json), ("--csv", csv))
    output.exclusive(("--target", target is not None), ("--untargeted", untargeted))
    output.exclusive(("--label", label is not None), ("--photo-labels", photo_labels is not None))
    from snellen.errors import InputError

    if target is None and not untargeted:
        raise InputError("what is to be seen?", "--target NAME, or --untargeted")
    from snellen.runs.ledger import check_output, remove

    # Attacked files are photographs too: beside the others, the next run would attack them.
    beside = [parent for image in images if (parent := Path(image).parent).resolve() == out.resolve()]
    check_output(out, [*images, *beside])

    from snellen.attacks.carry_over import carry_over
    from snellen.attacks.config import AttackConfig
    from snellen.attacks.discussion import discuss_carry_over
    from snellen.attacks.files import CARRY_OVER, write_carry_over
    from snellen.attacks.folder import attack_folder
    from snellen.cli.classifier import load_classifier
    from snellen.data.images import expand
    from snellen.data.photo_labels import photo_labels as labels_of_photographs
    from snellen.models.classifier import load
    from snellen.runs.files import Run, write_json
    from snellen.runs.process import keep_freed_memory
    from snellen.runs.serialise import to_json

    if also and space == "input":
        raise InputError("--also and --space input cannot go together", "the network's input is nobody else's")
    config = AttackConfig(
        target=target,
        epsilon=epsilon,
        method=method,
        space=space,
        robust=robust,
        steps=steps,
        step_size=step_size,
        seed=seed,
    )
    # Each step makes and frees tensors of the photograph's size.
    keep_freed_memory()
    with Run(out) as run:
        sources = expand(images, output.complain)
        classifier = load_classifier(model, probe, architecture, device, described)
        said = labels_of_photographs(classifier.labels, sources, photo_labels)
        labels: list[str | int | None] = [*said] if label is None else [label] * len(sources)
        members = [load(name, device=device) for name in ensemble or []]
        with output.progress_bar() as progress:
            result = attack_folder(classifier, sources, config, out, labels=labels, ensemble=members, progress=progress)
        for name in CARRY_OVER:
            # Of an earlier run, which may have attacked other photographs.
            remove(out / name)
        write_json(out / "attacks.json", result)
        _draw(result, out)
        shown = [*members, *(load(name, device=device) for name in also or [])]
        others = [carry_over(result.attacks, other) for other in shown]
        if others:
            write_carry_over(others, out)
        run.write_manifest(classifier.provenance(result.data, seed=seed, engine=result.engine))
    if json:
        output.write(to_json({**result.to_dict(), "also": others} if others else result))
    elif csv:
        output.write((out / "attacks.csv").read_text(encoding="utf-8"))
    else:
        _print(result)
        for number, other in enumerate(others):
            output.stdout.print(discuss_carry_over(other, number < len(members)), soft_wrap=True)
    for failure in result.failures:
        output.complain(failure.error)
    output.finish(len(result.failures))


def _draw(result: FolderResult, out: Path) -> None:
    """Draw what there is to draw, in place of what an earlier run drew."""
    from snellen.attacks.figures import draw_attacks, draw_security_curve
    from snellen.attacks.folder import MOST_ROWS
    from snellen.runs.files import replace_figure

    rows = draw_attacks(result.attacks) if 0 < len(result.attacks) <= MOST_ROWS else None
    several = result.success_rates.curve and len(result.attacks) > 1
    replace_figure(out / "attacks.png", rows)
    replace_figure(out / "security.png", draw_security_curve(result.success_rates) if several else None)


def _print(result: FolderResult) -> None:
    if not result.attacks:
        return
    table = output.PlainTable("image", "was", "is now", "norm", "success")
    table.columns[0].overflow = "fold"
    for one in result.attacks:
        was, now = (f"{p.label} {p.probability:.3f}" for p in (one.original, one.attacked.top))
        table.add_row(one.name, was, now, f"{one.norm}/255", _outcome(one))
    output.stdout.print(table)
    for one in result.attacks:
        for held_out in one.held_out:
            output.stdout.print(
                f"{one.name}: {held_out.transform}: {held_out.successes} of {held_out.draws} held-out draws, "
                f"plain {held_out.plain_successes}",
                soft_wrap=True,
            )
        if one.reason is not None:
            output.complain(f"{one.name}: {one.reason}")
    output.stdout.print(result.discussion())
    if result.resumed:
        output.stderr.print(f"{result.resumed} of them were done before and not attacked again")


def _outcome(one: AttackResult) -> str:
    return "yes" if one.attacked.success else "no, but changed" if one.attacked.changed else "no"
