"""``snellen verify``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from collections.abc import Iterable

    from snellen.attacks.file_check import Claim
    from snellen.models.classifier import Classifier


@options.describes_a_model
def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders of exams, of anybody's; or with --original one attacked file.", metavar="PATH..."
        ),
    ],
    original: Annotated[
        Path | None, typer.Option("--original", help="The photograph that the attacked file was made from.")
    ] = None,
    epsilon: Annotated[
        str | None,
        typer.Option("--epsilon", "-e", help="The bound that was asked for, such as 4/255; of an exam, its own."),
    ] = None,
    target: Annotated[
        str | None, typer.Option("--target", "-t", help="The class that was asked for; of an exam, its own.")
    ] = None,
    pool: Annotated[
        Path | None, typer.Option("--pool", help="Folder that an exam's photographs are to be from.", exists=True)
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option("--dataset", help="Where a data set of the exam's lies: NAME=PLACE, or NAME; once for each."),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="The model that was to be examined; without it, a bundled one of that name."
        ),
    ] = None,
    architecture: options.Architecture = None,
    device: options.Device = "auto",
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """What holds: recomputes what exams' folders or an attacked file claim; status 1 where something does not."""
    from snellen.cli.classifier import load_trusted
    from snellen.errors import InputError

    if original is not None:
        if len(paths) != 1:
            raise InputError(f"{len(paths)} files and one --original", "one attacked file")
        if epsilon is None:
            raise InputError("--original needs the bound", "--epsilon 4/255")
        classifier = load_trusted(model or options.DEFAULT_MODEL, architecture, device, described)
        holds = _print(_claims_of_file(classifier, paths[0], original, epsilon, target))
    else:
        holds = _verify_folders(paths, epsilon, target, pool, dataset or [], model, architecture, device, described)
    if not holds:
        raise typer.Exit(1)


def _claims_of_file(
    classifier: Classifier, file: Path, original: Path, epsilon: str, target: str | None
) -> tuple[Claim, ...]:
    from snellen.attacks.file_check import check_file, steps_of

    index = None if target is None else classifier.labels.find(target)
    return check_file(classifier, file, original, epsilon=steps_of(epsilon), target=index).claims


def _verify_folders(
    paths: list[Path],
    epsilon: str | None,
    target: str | None,
    pool: Path | None,
    datasets: list[str],
    model: str | None,
    architecture: str | None,
    device: str,
    described: options.Description,
) -> bool:
    """Verify each folder, and say which are alike; whether everything holds."""
    from snellen.attacks.file_check import steps_of
    from snellen.cli.classifier import load_trusted
    from snellen.errors import InputError
    from snellen.exam.verify import Means, twins, verify_exam
    from snellen.prose import counted

    places = {name: place or name for name, _, place in (one.partition("=") for one in datasets)}
    steps = None if epsilon is None else steps_of(epsilon)
    classifiers: dict[str, Classifier] = {}
    verified, holds, bad = {}, True, 0
    for path in paths:
        try:
            name = model or _bundled_model_of(path)
            if name is not None and name not in classifiers:
                classifiers[name] = load_trusted(name, architecture, device, described)
            classifier = None if name is None else classifiers[name]
            if target is not None and classifier is None:
                raise InputError(f"{path}: --target needs the model", "--model")
            index = None if target is None or classifier is None else classifier.labels.find(target)
            means = Means(classifier, places, steps, index, pool)
            verified[str(path)] = one = verify_exam(path, means)
        except InputError as error:
            output.complain(str(error))
            bad += 1
            continue
        except Exception as error:
            # Whatever one stranger's folder does to a reader, the others are still to be verified.
            output.complain(f"{path}: {type(error).__name__}: {error}")
            holds = False
            continue
        if len(paths) > 1:
            output.stdout.print(output.printable(f"{path}:"), soft_wrap=True)
        holds &= _print(one.claims)
    for one_name, other, what, count in twins(verified):
        said = f"{one_name} and {other} have {counted(count, what)} in common"
        output.stdout.print(output.printable(said), soft_wrap=True)
    if bad and holds:
        output.finish(bad)
    return holds


def _bundled_model_of(folder: Path) -> str | None:
    """The folder's own word for its model, where that is a bundled one: no other name of a stranger's is followed."""
    from snellen.exam.verify import model_of
    from snellen.models.bundled import BUNDLED

    name = model_of(folder)
    return name if name in BUNDLED else None


def _print(claims: Iterable[Claim]) -> bool:
    """A line for each claim; whether none of them is wrong."""
    holds = True
    for claim in claims:
        style = {True: "green", False: "red", None: None}[claim.holds]
        # Names of a stranger's files may hold ends of lines, and look like verdicts of ours.
        output.stdout.print(output.printable(output.as_options(str(claim))), soft_wrap=True, style=style)
        holds &= claim.holds is not False
    return holds
