"""``snellen verify``."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from snellen.cli import options, output

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from snellen.attacks.file_check import Claim
    from snellen.exam.verify import Drawn, InCommon, Verified
    from snellen.models.classifier import Classifier


@options.describes_a_model
def verify(
    paths: Annotated[
        list[Path],
        typer.Argument(
            help="Run folders of exams, of anybody's, or of a class of them; or with --original one attacked file.",
            metavar="PATH...",
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
    drawn: Annotated[
        Path | None,
        typer.Option(
            "--drawn",
            help="A configuration, or a folder with one of each exam's name: photographs and target are drawn again by "
            "it, and compared.",
            exists=True,
        ),
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
    json: options.Json = False,
    csv: options.Csv = False,
    *,
    described: options.Description = options.NOTHING_SAID,
) -> None:
    """What holds: recomputes what exams' folders or an attacked file claim; status 1 where something does not."""
    output.exclusive(("--json", json), ("--csv", csv))
    from snellen.attacks.file_check import steps_of
    from snellen.errors import InputError

    steps = None if epsilon is None else steps_of(epsilon)
    terms = _Terms(steps, target, pool, drawn, tuple(dataset or ()), model, architecture, device, described)
    if original is None:
        outcomes = _Folders(terms).verify(_exams_of(paths))
    else:
        if len(paths) != 1:
            raise InputError(f"{len(paths)} files and one --original", "one attacked file")
        if steps is None:
            raise InputError("--original needs the bound", "--epsilon 4/255")
        output.exclusive(("--original", True), ("--pool", pool is not None), ("--drawn", drawn is not None))
        outcomes = {str(paths[0]): _Outcome(_claims_of_file(paths[0], original, steps, terms))}
    if json:
        _print_json(outcomes)
    elif csv:
        _print_csv(outcomes)
    else:
        _print(outcomes)
    statuses = {one.status for one in outcomes.values()}
    if statuses - {0}:
        raise typer.Exit(1 if 1 in statuses else InputError.exit_status)


@dataclasses.dataclass(frozen=True)
class _Terms:
    """What folders and files are held to, as the command line says it; the bound in steps of 1/255."""

    epsilon: int | None
    target: str | None
    pool: Path | None
    drawn: Path | None
    datasets: tuple[str, ...]
    model: str | None
    architecture: str | None
    device: str
    described: options.Description

    def classifier(self, name: str) -> Classifier:
        from snellen.cli.classifier import load_trusted

        return load_trusted(name, self.architecture, self.device, self.described)


@dataclasses.dataclass(frozen=True)
class _Outcome:
    """What became of one folder or file: its claims, or why there are none, and the status that it ends with."""

    claims: Sequence[Claim]
    verified: Verified | None = None
    refused: str = ""
    refused_status: int = 0

    @property
    def status(self) -> int:
        return self.refused_status or int(any(one.holds is False for one in self.claims))

    @property
    def verdict(self) -> str:
        if self.refused:
            return "not verified"
        if self.status:
            return "does not hold"
        return "holds" if self.count(True) else "cannot be told"

    @property
    def absent(self) -> str:
        """The parts that the folder has nothing of."""
        return ", ".join(self.verified.absent if self.verified is not None else ())

    def count(self, holds: bool | None) -> int:
        return sum(one.holds is holds for one in self.claims)


def _exams_of(paths: Sequence[Path]) -> list[Path]:
    """The folders to verify: of a class's folder the exams in it; what ``class/*`` names beside them is passed over."""
    from snellen.errors import InputError
    from snellen.exam.many import exams_in, is_table

    found: list[Path] = []
    passed_over = [path for path in paths if is_table(path)]
    for path in paths:
        if path not in passed_over:
            found += exams_in(path)
    if not found:
        raise InputError(
            f"{passed_over[0]}: is the table of a class's exams", "the exams' folders, or that of the class"
        )
    return list(dict.fromkeys(found))


def _claims_of_file(file: Path, original: Path, epsilon: int, terms: _Terms) -> Sequence[Claim]:
    from snellen.attacks.file_check import check_file
    from snellen.errors import InputError

    if file.is_dir():
        alone = file / "adversarial.png"
        if not alone.is_file():
            raise InputError(f"{file}: is a folder without adversarial.png", "the attacked file, such as a PNG in it")
        file = alone
    classifier = terms.classifier(terms.model or options.DEFAULT_MODEL)
    _warn_of_another_model(file, classifier)
    index = None if terms.target is None else classifier.labels.find(terms.target)
    return check_file(classifier, file, original, epsilon=epsilon, target=index).claims


def _warn_of_another_model(file: Path, classifier: Classifier) -> None:
    """Say where the run that an attacked file lies in was another model's than the one that is asked."""
    from snellen.errors import InputError, shown
    from snellen.exam.verify import provenance_of

    # An exam's attack has a folder of its own below the manifest.
    for folder in (file.parent, file.parent.parent):
        try:
            said = provenance_of(folder)
        except InputError:
            continue
        if said.weights and said.weights != classifier.digest:
            other = f"other weights of {shown(said.model)}" if said.model == classifier.name else shown(said.model)
            output.stderr.print(
                output.printable(
                    f"snellen: {folder / 'manifest.json'} says that the attack was on {other}; this verdict is of "
                    f"{classifier.name} (name the attacked model as --model)"
                ),
                soft_wrap=True,
            )
        return


class _Folders:
    """Exams' folders, verified one after another; a model is loaded once."""

    def __init__(self, terms: _Terms) -> None:
        self._terms = terms
        self._classifiers: dict[str, Classifier] = {}

    def verify(self, paths: Sequence[Path]) -> dict[str, _Outcome]:
        """What became of each; what keeps one from being verified is said, and the others go on."""
        from snellen.errors import InputError

        outcomes: dict[str, _Outcome] = {}
        for path in paths:
            try:
                found = self._verified(path)
                outcomes[str(path)] = _Outcome(found.claims, found)
            except InputError as error:
                outcomes[str(path)] = _Outcome((), None, str(error), error.exit_status)
            except Exception as error:
                # Whatever one stranger's folder does to a reader, the others are still to be verified.
                outcomes[str(path)] = _Outcome((), None, f"{path}: {type(error).__name__}: {error}", 1)
            if reason := outcomes[str(path)].refused:
                output.complain(reason)
        return outcomes

    def _verified(self, path: Path) -> Verified:
        from snellen.errors import InputError
        from snellen.exam.verify import Means, verify_exam

        terms = self._terms
        name = terms.model or _bundled_model_of(path)
        if name is not None and name not in self._classifiers:
            self._classifiers[name] = terms.classifier(name)
        classifier = None if name is None else self._classifiers[name]
        needs = [f"--{key}" for key in ("target", "drawn") if getattr(terms, key) is not None]
        if needs and classifier is None:
            raise InputError(f"{path}: {needs[0]} needs the model", "--model")
        index, drawn = None, None
        if classifier is not None:
            index = None if terms.target is None else classifier.labels.find(terms.target)
            drawn = None if terms.drawn is None else _drawn_for(path, terms.drawn, classifier)
        places = {name: place or name for name, _, place in (one.partition("=") for one in terms.datasets)}
        return verify_exam(path, Means(classifier, places, terms.epsilon, index, terms.pool, drawn))


def _bundled_model_of(folder: Path) -> str | None:
    """The folder's own word for its model, where that is a bundled one: no other name of a stranger's is followed."""
    from snellen.exam.verify import provenance_of
    from snellen.models.bundled import BUNDLED

    name = provenance_of(folder).model
    return name if name in BUNDLED else None


def _drawn_for(folder: Path, drawn: Path, classifier: Classifier) -> Drawn:
    """What the configuration draws, or the one of the folder's name among several.

    Raises:
        InputError: there is none, or it draws nothing; names it.
    """
    from snellen.errors import InputError
    from snellen.exam.config import read_exam_config
    from snellen.exam.many import configurations_of
    from snellen.exam.verify import draw
    from snellen.prose import listed

    place = drawn
    if drawn.is_dir():
        places = configurations_of(folder.resolve().name, drawn)
        if len(places) != 1:
            said = f"{len(places)} configurations that it may be of: {listed(list(map(str, places)))}"
            none = f"no {folder.resolve().name}.toml, by which it was drawn"
            raise InputError(f"{folder}: {drawn} has {said if places else none}", "the one of it, as `drawn`")
        (place,) = places
    config = read_exam_config(place)
    try:
        return draw(config, classifier)
    except InputError as error:
        raise InputError(f"{place}: {error.message}", error.hint) from error


def _print(outcomes: Mapping[str, _Outcome]) -> None:
    """Of one every claim, failures first; of several the failures, what they share, and a verdict for each."""
    several = len(outcomes) > 1
    for name, one in outcomes.items():
        shown = [claim for claim in one.claims if claim.holds is False or not several]
        if several and shown:
            _say(f"{name}:")
        for claim in sorted(shown, key=lambda claim: claim.holds is not False):
            # Names of a stranger's files may hold ends of lines, and look like verdicts of ours.
            _say(output.as_options(str(claim)), {True: "green", False: "red", None: None}[claim.holds])
    if not several:
        return
    _print_in_common(outcomes)
    table = output.PlainTable("folder", "verdict", "hold", "do not hold", "cannot be told", "nothing of")
    for column in (table.columns[0], table.columns[5]):
        column.overflow = "fold"
    for column in table.columns[2:5]:
        column.justify = "right"
    for name, one in outcomes.items():
        table.add_row(name, one.verdict, *(str(one.count(holds)) for holds in (True, False, None)), one.absent)
    output.stdout.print(table)


def _print_in_common(outcomes: Mapping[str, _Outcome]) -> None:
    """What tells of copying first; single photographs, which draws from one pool share, are counted only."""
    from snellen.prose import counted, listed

    shared = _in_common(outcomes)
    for names, count in shared.attacks:
        _say(f"{counted(count, 'attacked file')} {'is' if count == 1 else 'are'} in {listed(names)}")
    for names, count in shared.draws:
        _say(f"{listed(names)} have the same {counted(count, 'photograph')}")
    if shared.photographs:
        are = "is" if shared.photographs == 1 else "are"
        _say(f"{counted(shared.photographs, 'photograph')} {are} in more than one folder, as in draws from one pool")


def _in_common(outcomes: Mapping[str, _Outcome]) -> InCommon:
    """What the folders share that could be verified."""
    from snellen.exam.verify import in_common

    return in_common({name: one.verified for name, one in outcomes.items() if one.verified is not None})


def _say(line: str, style: str | None = None) -> None:
    output.stdout.print(output.printable(line), soft_wrap=True, style=style)


def _print_json(outcomes: Mapping[str, _Outcome]) -> None:
    from snellen.runs.serialise import to_json

    shared = _in_common(outcomes)
    value = {
        "verified": [
            {"path": name, "verdict": one.verdict, "claims": one.claims, "error": one.refused}
            for name, one in outcomes.items()
        ],
        "same_attacks": [{"paths": names, "count": count} for names, count in shared.attacks],
        "same_draws": [{"paths": names, "count": count} for names, count in shared.draws],
        "photographs_in_several": shared.photographs,
    }
    output.write(to_json(value))


def _print_csv(outcomes: Mapping[str, _Outcome]) -> None:
    from snellen.runs.table import csv_text

    shared = _in_common(outcomes)
    head = (
        "path",
        "verdict",
        "hold",
        "do not hold",
        "cannot be told",
        "same attacks",
        "same draw",
        "nothing of",
        "problems",
    )
    rows = []
    for name, one in outcomes.items():
        wrong = [output.printable(claim.what) for claim in one.claims if claim.holds is False]
        same = (
            sorted({other for names, _ in groups if name in names for other in names} - {name})
            for groups in (shared.attacks, shared.draws)
        )
        counts = (str(one.count(holds)) for holds in (True, False, None))
        problems = "; ".join([*filter(None, [one.refused]), *wrong])
        rows.append((name, one.verdict, *counts, *map(", ".join, same), one.absent, problems))
    output.write(csv_text(head, rows))
