"""Recomputes what an exam's folder claims, line by line.

The folder may be a stranger's: only regular files below it are read, through the readers that all photographs, JSON and
weights pass, within bounds; nothing in it is run, and no name in it leads to a file, a model or a data set elsewhere.
Which model it was, and where a data set lies that does not come with the packages, whoever verifies says.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from snellen.attacks.file_check import Claim, FileCheck, check_file, steps_of
from snellen.attacks.files import REPORTS, AttackReport, to_csv
from snellen.attacks.result import AttackResult
from snellen.attacks.search import Criterion
from snellen.attacks.verify import judge, prediction
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import ImageSet, train_test
from snellen.data.datasets.digits import DIGITS, digits
from snellen.data.images import Failure, is_left_behind
from snellen.errors import InputError, SnellenError, shown
from snellen.evaluation.evaluate import evaluate as evaluate_probe
from snellen.exam.config import ExamConfig, asked_parts, first_look
from snellen.exam.contents import CONTENTS, Contents, digest
from snellen.exam.photographs import choose_photographs, target_class
from snellen.exam.scores_check import consistent, differing, images_apart, is_square, measured_again
from snellen.exam.twins import shared_files
from snellen.inspect.categories import classify
from snellen.intervals import Estimate, Rate
from snellen.models.classifier import Classifier, load
from snellen.models.local_file import read_metadata
from snellen.models.networks import OWN, first_filters, parameter_count
from snellen.models.predictions import Prediction
from snellen.models.repository import CONFIG
from snellen.models.resolve import MODEL_FILE
from snellen.models.scores import Scores, most_confused, score
from snellen.prose import called, counted, listed
from snellen.runs.ledger import MANIFEST
from snellen.runs.provenance import Provenance
from snellen.runs.serialise import from_plain, read_json, to_plain
from snellen.runs.table import read_csv
from snellen.runs.text import read_text
from snellen.training.data import InMemoryDataset, load_data
from snellen.training.evaluate import evaluate as evaluate_network
from snellen.training.files import METRICS, headline, read_results
from snellen.training.filters import noise_like
from snellen.training.results import TrainingResult
from snellen.transfer.files import DESCRIPTION, load_probe_on

_MOST_FILES = 100_000
_MOST_PHOTOGRAPHS = 2_000
_DEEPEST = 32
"""Folders within folders; an exam's are fewer."""
_NAMED = 8
"""Files that are named by themselves; of more, their number is said."""
_TOLERANCE = 0.01
"""What a probability may differ by on another processor."""
_ATTACKS, _RULES = "attack/result.json", "attack/rule.json"
_LEFT_BY = {"categories": "result.json", "attack": "result.json", "training": "*", "probe": DESCRIPTION}
"""A file that each part that can be verified leaves in its folder, or below."""


@dataclass(frozen=True)
class Drawn:
    """What a configuration draws for one student.

    Attributes:
        by: whose name and which seed decided it.
        photographs: SHA-256 of each photograph.
        target: index of the class that the attack is to show.
        epsilon: bound of the attack, in steps of 1/255.
        parts: names of the parts that it asks for.
        at_first_look: SHA-256 of each photograph that it would draw for a first look; empty where they are
            those.
    """

    by: str
    photographs: tuple[str, ...]
    target: int
    epsilon: int
    parts: tuple[str, ...]
    at_first_look: tuple[str, ...] = ()


def draw(config: ExamConfig, classifier: Classifier) -> Drawn:
    """Draw again what an exam by ``config`` draws.

    Args:
        config: the configuration as it was given out: what a student wrote into it, it decides.
        classifier: the model that was to be examined, whose classes the draw is even over.

    Raises:
        InputError: as :func:`snellen.exam.photographs.choose_photographs` and ``target_class``.
    """
    asked = first_look(config) if config.quick else config
    chosen = choose_photographs(asked, classifier)
    name = f"{shown(asked.student)} and " if asked.student else ""
    at_first_look: tuple[str, ...] = ()
    with contextlib.suppress(InputError):  # of some parts there is no first look
        shorter = first_look(config)
        if shorter.sample != asked.sample:
            at_first_look = _digests(choose_photographs(shorter, classifier).paths)
    return Drawn(
        f"{name}seed {asked.seed}",
        _digests(chosen.paths),
        target_class(asked, classifier, chosen.classes),
        steps_of(asked.epsilon),
        asked_parts(asked),
        at_first_look,
    )


def _digests(paths: Sequence[str]) -> tuple[str, ...]:
    return tuple(digest(Path(path)) for path in paths)


@dataclass(frozen=True)
class Means:
    """What whoever verifies brings along.

    Attributes:
        classifier: the model that was to be examined; None leaves untold what it decides.
        datasets: data sets by the name that folders know them by, each opened under the name here.
        epsilon: bound that was asked for, in steps of 1/255; None takes each attack's own word.
        target: index of the class that was asked for; None takes each attack's own word.
        pool: folder of the photographs that could be chosen; None where any could.
        drawn: what was drawn for whose folder it is; None where that is not to be compared. Its target and bound count
            where no others are given.
    """

    classifier: Classifier | None = None
    datasets: Mapping[str, str] = field(default_factory=dict)
    epsilon: int | None = None
    target: int | None = None
    pool: Path | None = None
    drawn: Drawn | None = None


@dataclass(frozen=True)
class Verified:
    """What became of one folder's claims.

    Attributes:
        folder: the folder.
        claims: each claim, and whether it holds.
        photographs: SHA-256 of its copies of photographs, sorted, as they are now.
        attacks: the same of its attacked files, one for each photograph.
        absent: names of the parts that it has nothing of: of those that are recomputed, and of those that were asked
            for.
    """

    folder: Path
    claims: tuple[Claim, ...]
    photographs: tuple[str, ...]
    attacks: tuple[str, ...]
    absent: tuple[str, ...] = ()

    @property
    def holds(self) -> bool:
        """Whether nothing was found that does not hold."""
        return all(one.holds is not False for one in self.claims)


def verify_exam(folder: str | Path, means: Means | None = None) -> Verified:
    """Recompute what an exam's folder claims.

    Args:
        folder: run folder of an exam, of anybody's.
        means: model, data sets and terms to verify with.

    Raises:
        InputError: the folder holds no finished exam.
    """
    home = Path(folder)
    provenance = provenance_of(home)
    return _Verification(home, provenance, means or Means()).run()


@dataclass(frozen=True)
class InCommon:
    """What several folders have in common.

    Attributes:
        attacks: folders with the same attacked files, and how many.
        draws: folders whose photographs are the same, all of them, and how many those are.
        photographs: how many photographs are in more than one folder.
    """

    attacks: tuple[tuple[tuple[str, ...], int], ...]
    draws: tuple[tuple[tuple[str, ...], int], ...]
    photographs: int


def in_common(verified: Mapping[str, Verified]) -> InCommon:
    """What these folders have in common, by their names."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for name, one in verified.items():
        alike.setdefault(one.photographs, []).append(name)
    return InCommon(
        tuple(shared_files({name: one.attacks for name, one in verified.items()}).items()),
        tuple((tuple(names), len(photographs)) for photographs, names in alike.items() if photographs and names[1:]),
        sum(shared_files({name: one.photographs for name, one in verified.items()}).values()),
    )


def provenance_of(home: Path) -> Provenance:
    """What a run's folder says that it was made with.

    Raises:
        InputError: the folder holds no finished run.
    """
    try:
        return from_plain(Provenance, read_json(_below(home, MANIFEST))["provenance"], str(home / MANIFEST))
    except (KeyError, TypeError, InputError) as error:
        raise InputError(f"{home}: holds no finished exam", "an exam's run folder") from error


def _below(home: Path, name: str) -> Path:
    """The regular file ``name`` below ``home``, links followed.

    Raises:
        InputError: a name that leads elsewhere, or to no regular file.
    """
    parts = PurePosixPath(name).parts
    if not parts or PurePosixPath(name).is_absolute() or ".." in parts or "\0" in name:
        raise InputError(f"{shown(name)}: is not below the folder")
    path = home / name
    try:
        real = path.resolve(strict=True)
        regular = real.is_file()
    except (OSError, RuntimeError) as error:
        raise InputError(f"{shown(name)}: is not there") from error
    if not regular or not real.is_relative_to(home.resolve()):
        raise InputError(f"{shown(name)}: is no file of the folder's own")
    return path


def _paths_below(home: Path) -> Iterator[Path]:
    """The files and folders below ``home``; no link is followed.

    Raises:
        InputError: more of them, or nested deeper, than an exam leaves; or a folder that cannot be listed.
    """

    def fail(error: OSError) -> None:
        raise InputError(f"{shown(error.filename)}: cannot be listed: {error.strerror}") from error

    count = 0
    for folder, folders, files in os.walk(home, onerror=fail):
        here = Path(folder)
        count += len(folders) + len(files)
        if count > _MOST_FILES:
            raise InputError("its files are too many to be an exam's", f"at most {_MOST_FILES:,}")
        if folders and len(here.relative_to(home).parts) >= _DEEPEST:
            raise InputError("its folders are nested too deeply to be an exam's", f"at most {_DEEPEST}")
        yield from (here / name for name in (*folders, *files))


class _Verification:
    """One folder's claims, as they are gone through."""

    def __init__(self, home: Path, provenance: Provenance, means: Means) -> None:
        self._home, self._provenance, self._means = home, provenance, means
        self._contents = Contents({}, {})
        self._names: list[str] = []
        self._photographs: list[str] = []
        self._attacks: list[str] = []
        self._nothing_of: tuple[str, ...] = ()

    def run(self) -> Verified:
        """Go through them all; what cannot be read does not hold. Where there is a link, nothing is read."""
        try:
            paths = list(_paths_below(self._home))
        except InputError as error:
            return Verified(self._home, (Claim(str(error), False),), (), ())
        odd = [path for path in paths if path.is_symlink() or not (path.is_file() or path.is_dir())]
        if odd:
            names = [shown(path.relative_to(self._home).as_posix()) for path in sorted(odd)[:_NAMED]]
            claims = [Claim(f"{name}: is a link, or no file, as an exam leaves none", False) for name in names]
            return Verified(self._home, tuple(claims), (), ())
        self._names = [path.relative_to(self._home).as_posix() for path in paths if path.is_file()]
        steps: tuple[Callable[[], Iterator[Claim]], ...] = (
            self._files, self._absent, self._pool, self._draw, self._model, self._categories, self._attacked,
            self._trained, self._probed, self._not_again,
        )  # fmt: skip
        claims = []
        for step in steps:
            try:
                claims += step()
            except SnellenError as error:
                claims.append(Claim(str(error), False))
            except Exception as error:
                # What a stranger's files make of a reader is a line, and the other claims are still gone through.
                part = step.__name__.strip("_")
                claims.append(Claim(f"{part}: cannot be gone through: {type(error).__name__}: {error}", False))
        return Verified(
            self._home,
            tuple(claims),
            tuple(sorted(self._photographs)),
            tuple(sorted(self._attacks)),
            self._nothing_of,
        )

    def _files(self) -> Iterator[Claim]:
        contents: Contents = from_plain(Contents, read_json(_below(self._home, CONTENTS)), CONTENTS)
        _check_count(len(contents.digests), _MOST_FILES, f"{CONTENTS}: files")
        _check_count(len(contents.photographs), _MOST_PHOTOGRAPHS, f"{CONTENTS}: photographs")
        self._contents = contents
        wrong = []
        for name, said in contents.digests.items():
            try:
                changed = digest(_below(self._home, name)) != said
                reason = "is not what it was" if changed else ""
            except InputError as error:
                reason = error.message.partition(": ")[2]
            if reason:
                wrong.append(f"{shown(name)}: {reason}")
        count = len(contents.digests)
        yield Claim(f"{count - len(wrong):,} of {count:,} files are as {CONTENTS} says", not wrong if count else None)
        yield from (Claim(line, False) for line in wrong[:_NAMED])
        # Hidden files are the system's, as are Explorer's beside pictures; no exam makes one.
        listed = {*contents.digests, CONTENTS, MANIFEST}
        strange = [name for name in self._names if name not in listed and not is_left_behind(PurePosixPath(name).name)]
        if strange:
            names = ", ".join(map(shown, sorted(strange)[:_NAMED]))
            yield Claim(f"{CONTENTS} lists all files: it does not list {len(strange):,}, such as {names}", False)
        for copy in contents.photographs.values():
            self._photographs.append(digest(_below(self._home, copy)))

    def _absent(self) -> Iterator[Claim]:
        """The parts that are not there; one that was taken has left its results."""
        asked = () if self._means.drawn is None else self._means.drawn.parts
        self._nothing_of = tuple(part for part in dict.fromkeys((*_LEFT_BY, *asked)) if not self._has(part))
        for part in self._nothing_of:
            if part in self._contents.parts:
                yield Claim(f"{part}: the folder has nothing of it", False)
            elif part in asked:
                yield Claim(f"{part}: was asked for, and the folder has nothing of it", False)
        others = [part for part in self._nothing_of if part not in self._contents.parts and part not in asked]
        if others:
            yield Claim(f"the folder has nothing of {listed(others)}, and does not say that it had", None)

    def _has(self, part: str) -> bool:
        """Whether the folder has a part's results; of a part that is not recomputed, any file, and says so."""
        if part not in _LEFT_BY and part not in self._contents.parts:
            return False
        below = [PurePosixPath(name).name for name in self._names if name.startswith(f"{part}/")]
        return any(fnmatch(name, _LEFT_BY.get(part, "*")) and not is_left_behind(name) for name in below)

    def _pool(self) -> Iterator[Claim]:
        pool = self._means.pool
        if pool is None:
            return
        known = {digest(path) for path in sorted(pool.rglob("*")) if path.is_file()}
        strange = [one for one in self._photographs if one not in known]
        count = len(self._photographs)
        yield Claim(
            f"{count - len(strange)} of {count} photographs are files of {pool}", not strange if count else None
        )

    def _draw(self) -> Iterator[Claim]:
        drawn = self._means.drawn
        if drawn is None:
            return
        wanted, there = Counter(drawn.photographs), Counter(self._photographs)
        others = (there - wanted).total()
        beside = f"; it has {others} that are not" if others else ""
        if wanted != there == Counter(drawn.at_first_look):
            beside += "; its are those of a first look, which the configuration does not ask for (quick = true)"
        yield Claim(
            f"{(wanted & there).total()} of the {counted(wanted.total(), 'photograph')} drawn by {drawn.by} "
            f"are in the folder{beside}",
            wanted == there,
        )

    def _model(self) -> Iterator[Claim]:
        said, classifier = self._provenance, self._means.classifier
        if classifier is None:
            yield Claim(f"the model is {shown(said.model)}: name it as `model` to have its answers verified", None)
            return
        same = classifier.digest == said.weights
        yield Claim(f"the weights are those of {classifier.name} ({classifier.digest[:16]})", same)
        if said.preprocessing:
            yield Claim("the preprocessing is that model's", said.preprocessing == classifier.preprocessing.describe())

    def _copy_of(self, image: str) -> Path:
        """The copy of the photograph that results name so.

        Raises:
            InputError: there is none.
        """
        if image not in self._contents.photographs:
            raise InputError(f"{shown(image)}: no copy of it is in the folder")
        return _below(self._home, self._contents.photographs[image])

    def _categories(self) -> Iterator[Claim]:
        classifier = self._means.classifier
        if not (self._home / "categories").is_dir() or classifier is None:
            return
        values = read_json(_below(self._home, "categories/result.json"))
        results = from_plain(
            _Categories, {"results": _list_in(values, "results", "categories/result.json")}, "categories/result.json"
        ).results
        yield from self._left_out("categories", [one.image for one in results])
        wrong = []
        for one in results:
            copy = self._copy_of(one.image)
            if not one.predictions:
                raise InputError(f"categories/result.json: {shown(one.image)} has no predictions")
            seen = {other.index: other for other in classify(classifier, copy, len(classifier.labels)).predictions}
            top = next(iter(seen.values()))
            # Of the first what is seen first; of each other class what it has.
            pairs = [(one.predictions[0], top), *((said, seen.get(said.index, top)) for said in one.predictions[1:])]
            wrong += [
                f"categories: {copy.name} is said to be {_named(said)}, and is seen as {_named(found)}"
                for said, found in pairs
                if not _agree(said, found)
            ]
        names = {line.partition(" is said")[0] for line in wrong}
        yield Claim(f"categories: {len(results) - len(names)} of {len(results)} photographs are seen by "
                    f"{called(classifier.name)} as it says", not wrong if results else None)  # fmt: skip
        yield from (Claim(line, False) for line in wrong[:_NAMED])

    def _attacked(self) -> Iterator[Claim]:
        if not (self._home / "attack").is_dir():
            return
        values = read_json(_below(self._home, _ATTACKS))
        attacks = [from_plain(AttackResult, one, _ATTACKS) for one in _list_in(values, "attacks", _ATTACKS)]
        if not attacks:
            yield Claim("attack: 0 photographs were attacked", None)
        again = [file for file, times in Counter(one.file for one in attacks).items() if times > 1]
        if again:
            yield Claim(f"attack: {shown(again[0])} counts once only", False)
        failures = [from_plain(Failure, one, _ATTACKS) for one in _list_in(values, "failures", _ATTACKS)]
        yield from self._left_out("attack", [*(one.name for one in attacks), *(one.image for one in failures)])
        yield from self._told_again(attacks, failures)
        for one in attacks:
            try:
                self._attacks.append(digest(_below(self._home, f"attack/{one.file}")))
                yield from self._attack(one)
            except InputError as error:
                yield Claim(f"attack: {error}", False)
        for one in self._rules():
            try:
                yield from self._attack(one)
            except InputError as error:
                yield Claim(f"attack: {error}", False)

    def _left_out(self, part: str, names: Sequence[str]) -> Iterator[Claim]:
        """Photographs of the exam that a part says nothing of: what would not hold may have been taken out."""
        silent = sorted(set(self._contents.photographs) - set(names))
        if silent:
            such = ", ".join(map(shown, silent[:_NAMED]))
            yield Claim(f"{part}: nothing is said of {counted(len(silent), 'photograph')}: {such}", False)

    def _told_again(self, attacks: Sequence[AttackResult], failures: Sequence[Failure]) -> Iterator[Claim]:
        """Where the attack's other files say anything else than its ``result.json``."""
        table = "attack/attacks.csv"
        if table in self._names:
            said = read_csv(read_text(_below(self._home, table)))
            told = read_csv(to_csv(attacks, failures))
            # Of another version's table, the columns that both have.
            same = len(said) == len(told) and all(
                row[key] == value for row, other in zip(said, told, strict=True) for key, value in other.items()
                if key in row
            )  # fmt: skip
            if not same:
                yield Claim(f"{table} does not say what {_ATTACKS} does", False)
        for one in attacks:
            name = f"attack/{REPORTS}/{one.file.removesuffix('.png')}.json"
            if name in self._names:
                report = from_plain(AttackReport, read_json(_below(self._home, name)), name)
                if to_plain(dataclasses.replace(report.attack, name=one.name)) != to_plain(one):
                    yield Claim(f"{shown(name)} does not say what {_ATTACKS} does", False)

    def _rules(self) -> list[AttackResult]:
        """What the assignment's own update made of photographs, as far as its files are in the folder."""
        if _RULES not in self._names:
            return []
        values = read_json(_below(self._home, _RULES))
        # An exam of before it was tried on more than one photograph kept no file of it.
        found = _list_in(values, "attacks", _RULES) if isinstance(values, dict) and "attacks" in values else []
        rules = [from_plain(AttackResult, one, _RULES) for one in found]
        return [one for one in rules if one.file]

    def _attack(self, said: AttackResult) -> Iterator[Claim]:
        means = self._means
        file, original = _below(self._home, f"attack/{said.file}"), self._copy_of(said.name)
        if means.classifier is None:
            yield Claim(f"attack/{said.file}: what is seen in it", None)
            return
        own = None if said.target is None else said.target.index
        drawn = None if means.drawn is None else means.drawn.target
        wanted = next((one for one in (means.target, drawn, own) if one is not None), None)
        labels = means.classifier.labels
        for index in (said.label.index, own, wanted):
            if index is not None and not 0 <= index < len(labels):
                raise InputError(f"{shown(said.file)}: is about class {index}, which the model has not")
        if means.drawn is not None and means.target is None and own != drawn:
            meant = "no class by name" if said.target is None else labels[said.target.index]
            yield Claim(f"attack/{said.file}: its target is {meant}, and {labels[means.drawn.target]} is drawn by "
                        f"{means.drawn.by}", False)  # fmt: skip
        bound = said.epsilon if means.drawn is None else means.drawn.epsilon
        epsilon = bound if means.epsilon is None else means.epsilon
        found = check_file(means.classifier, file, original, epsilon=epsilon, target=wanted)
        for claim in found.claims:
            # What the exam itself calls a failure is none of the claims.
            honest = claim.holds is False and not said.attacked.success and found.within and wanted == own
            yield Claim(f"{claim.what}; the exam says so" if honest else claim.what, True if honest else claim.holds)
        yield from (Claim(line, False) for line in _otherwise(means.classifier, said, found))

    def _trained(self) -> Iterator[Claim]:
        for metrics in sorted((self._home / "training").glob(f"*/{METRICS}")):
            run = metrics.parent
            name = run.relative_to(self._home).as_posix()
            for part in (METRICS, MODEL_FILE):
                _below(self._home, f"{name}/{part}")
            if (run / CONFIG).exists():
                raise InputError(f"{name}: its {CONFIG} says another network, as no training leaves it")
            (said,) = read_results(run)[:1]
            yield from self._told_of_training(name, said)
            if said.recipe.network not in OWN:
                what = f"its network is {shown(said.recipe.network)}, none of {', '.join(OWN)}"
                yield Claim(f"{name}: accuracy {said.test.accuracy.share:.4f}: {what}", None)
                continue
            if read_metadata(run / MODEL_FILE).options != said.recipe.network_options:
                yield Claim(f"{name}: its weights are of the network that its recipe says", False)
                continue
            data = self._data(said.data.name, f"{name}: accuracy {said.test.accuracy.share:.4f}")
            if isinstance(data, Claim):
                yield data
                continue
            yield from _network_again(name, run, said, _in_memory(data, said.recipe.size))
        if self._has("training") and not any((self._home / "training").glob(f"*/{METRICS}")):
            yield Claim("training: its networks were trained elsewhere, and their weights are not in the folder", None)

    def _probed(self) -> Iterator[Claim]:
        for description in sorted((self._home / "probe").rglob(DESCRIPTION)):
            run = description.parent
            name = run.relative_to(self._home).as_posix()
            said = _probe_said(read_json(_below(self._home, f"{name}/result.json")), name)
            about = read_json(_below(self._home, f"{name}/{DESCRIPTION}"))
            _below(self._home, f"{name}/probe.safetensors")
            yield from self._told_of_probe(name, said, about)
            classifier, model = self._means.classifier, about.get("model") if isinstance(about, dict) else None
            if classifier is None or model != classifier.name:
                right = f"{said.accuracy.count} of {said.accuracy.n}"
                what = f"{name}: accuracy {right}: its network {shown(model)} is not the model given"
                yield Claim(what, None)
                continue
            data = self._data(said.dataset, f"{name}: accuracy {said.accuracy.count} of {said.accuracy.n}")
            if isinstance(data, Claim):
                yield data
                continue
            split = train_test(data, self._provenance.seed or 0)
            probe = load_probe_on(classifier, run)
            found = [
                _scores_on(probe, ImageSet(data.name, split.labels, {"test": part}, data.fingerprint))
                for part in (split.test, split.train)
            ]
            yield from measured_again(name, said.scores, found[0], "test images")
            yield from _learned_from(name, said, found[1])

    def _told_of_training(self, name: str, said: TrainingResult) -> Iterator[Claim]:
        """What can be told of a training's numbers from its ``metrics.json`` alone, and what cannot at all."""
        version = said.provenance.versions.get("snellen", "")
        yield from consistent(name, said.test, version)
        if said.test_tta is not None:
            yield from consistent(f"{name}: test_tta", said.test_tta, version)
        written = read_json(_below(self._home, f"{name}/{METRICS}"))
        head = {key: written.get(key) for key in headline(said)}
        wrong = list(differing(name, head, headline(said), "in the results below it"))
        yield from wrong or [Claim(f"{name}: its headline is what the results below it say", True)]
        yield Claim(f"{name}: its history, the loss, accuracy and time of each epoch: only training again tells", None)

    def _told_of_probe(self, name: str, said: _ProbeSaid, about: Any) -> Iterator[Claim]:
        """What can be told of a probe's numbers from its files alone, and what cannot at all."""
        yield from consistent(name, said.scores, said.provenance.versions.get("snellen", ""))
        if is_square(said.confusion) and len(said.labels) == len(said.confusion):
            told = [(one.true, one.predicted, one.count) for one in said.confused]
            yield from differing(
                name, {"confused": told}, {"confused": _confused_again(said)}, "from its confusion matrix"
            )
        if isinstance(about, dict):
            keys = ("model", "dataset", "kind", "c", "labels")
            own = {key: getattr(said, key) for key in keys}
            yield from differing(name, own, {key: about.get(key) for key in keys}, f"in {DESCRIPTION}")
        yield Claim(f"{name}: its cross-validation, its leaks and its times: only learning again tells", None)

    def _not_again(self) -> Iterator[Claim]:
        """What is in the folder and is recomputed nowhere."""
        parts = [part for part in self._contents.parts if part not in _LEFT_BY]
        if parts:
            yield Claim(f"what {listed(parts)} found is not recomputed", None)
        if "attack" in self._contents.parts:
            what = "the control by random noise, the number of gradients, and what a robust attack outlives"
            yield Claim(f"attack: {what}: not recomputed", None)
        if any(name.startswith("report.") for name in self._names):
            yield Claim(
                "what the reports and each part's answer.json say is not read: hold it beside these lines", None
            )

    def _data(self, name: str, what: str) -> ImageSet | Claim:
        """The data set of that name, where it comes with the packages or somebody said where it lies."""
        place = self._means.datasets.get(name, name)
        if place == DIGITS:
            # Not what may have been unpacked into the working directory under that name.
            return digits()
        if name in self._means.datasets:
            return open_dataset(place)
        return Claim(f"{what}: say where its data set {shown(name)} lies, as `dataset`", None)


@dataclass(frozen=True)
class _Category:
    """One photograph's answer, as a result file has it."""

    image: str
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True)
class _Categories:
    """The part of ``categories/result.json`` that counts here."""

    results: tuple[_Category, ...]


@dataclass(frozen=True)
class _Confused:
    """Two classes of a probe, and how often the first is taken for the second."""

    true: str
    predicted: str
    count: int
    images: tuple[str, ...]


@dataclass(frozen=True)
class _ProbeSaid:
    """The part of a probe's ``result.json`` that counts here; see :class:`snellen.transfer.probe.ProbeResult`."""

    dataset: str
    model: str
    kind: str
    c: float
    labels: tuple[str, ...]
    n_train: int
    train_counts: tuple[int, ...]
    train_accuracy: float
    accuracy: Rate
    mean_per_class_accuracy: Estimate
    per_class: tuple[Rate, ...]
    confusion: tuple[tuple[int, ...], ...]
    confused: tuple[_Confused, ...]
    provenance: Provenance

    @property
    def scores(self) -> Scores:
        return Scores(self.accuracy, self.mean_per_class_accuracy, self.per_class, self.confusion)


def _confused_again(said: _ProbeSaid) -> list[tuple[str, str, int]]:
    """The pairs that are confused most often, and how often, by the confusion matrix.

    Those that are told, if they are as frequent: which of equally frequent ones are, the probe's scores decide.
    """
    place = {label: number for number, label in enumerate(said.labels)}
    found = [(said.labels[one.true], said.labels[one.predicted]) for one in most_confused(said.scores)]
    told = [(one.true, one.predicted) for one in said.confused]

    def count(true: str, predicted: str) -> int:
        return said.confusion[place[true]][place[predicted]]

    def frequencies(pairs: Sequence[tuple[str, str]]) -> list[tuple[int, int]]:
        return [(count(*pair), count(*pair[::-1])) for pair in pairs]

    sound = len(set(told)) == len(told) and all(one != other and {one, other} <= place.keys() for one, other in told)
    pairs = told if sound and frequencies(told) == frequencies(found) else found
    return [(*pair, count(*pair)) for pair in pairs]


def _named(one: Prediction) -> str:
    return f"{shown(one.label)} ({one.probability:.4f})"


def _close(said: float | None, seen: float | None) -> bool:
    """Whether two probabilities are one, but for another processor; what is no number is none."""
    if said is None or seen is None:
        return said is seen
    return abs(said - seen) <= _TOLERANCE


def _agree(said: Prediction, seen: Prediction) -> bool:
    return (said.index, said.label) == (seen.index, seen.label) and _close(said.probability, seen.probability)


def _otherwise(classifier: Classifier, said: AttackResult, found: FileCheck) -> Iterator[str]:
    """Where an attack's result says anything else of its two files than what is seen in them, a line for each."""
    own = None if said.target is None else said.target.index
    seen = judge(classifier, found.seen, Criterion(said.label.index, own))
    pairs = [(said.original, found.before.index), *((one, one.index) for one in (said.label, said.target) if one)]
    for one, index in pairs:
        there = prediction(classifier, found.clean, index)
        if not _agree(one, there):
            yield f"{found.original}: is said to be {_named(one)}, and is seen as {_named(there)}"
    if not _agree(said.attacked.top, seen.top):
        yield f"{found.file}: is said to be seen as {_named(said.attacked.top)}, and is seen as {_named(seen.top)}"
    for what, one_said, one_seen in (
        ("target", said.attacked.target, seen.target), ("label", said.attacked.label, seen.label),
    ):  # fmt: skip
        if not _close(one_said, one_seen):
            has = "none" if one_seen is None else f"{one_seen:.4f}"
            yield f"{found.file}: the {what} is said to have {shown(one_said)}, and has {has}"
    if (found.norm, seen.success) != (said.norm, said.attacked.success):
        was = "a success" if said.attacked.success else "a failure"
        yield f"{found.file}: is said to be {was} of norm {said.norm}/255"
    if seen.changed != said.attacked.changed:
        yield f"{found.file}: its label is said to be {'lost' if said.attacked.changed else 'kept'}"


def _list_in(values: Any, key: str, file: str) -> list[Any]:
    found = values.get(key) if isinstance(values, dict) else None
    if not isinstance(found, list):
        raise InputError(f"{file}: {key} is {shown(found)}", "a list")
    _check_count(len(found), _MOST_PHOTOGRAPHS, f"{file}: {key}")
    return found


def _check_count(count: int, most: int, what: str) -> None:
    """Refuse more than are verified, rather than verify some and speak of all."""
    if count > most:
        raise InputError(f"{what}: {count:,} of them", f"at most {most:,} are verified")


def _probe_said(values: Any, name: str) -> _ProbeSaid:
    known = {field.name for field in dataclasses.fields(_ProbeSaid)}
    if not isinstance(values, dict):
        raise InputError(f"{name}/result.json: not the result of a probe")
    return from_plain(_ProbeSaid, {key: value for key, value in values.items() if key in known}, f"{name}/result.json")


def _network_again(name: str, run: Path, said: TrainingResult, images: InMemoryDataset) -> Iterator[Claim]:
    """What a trained network's weights give, beside what its results say."""
    network = load(run / MODEL_FILE, architecture=said.recipe.network, device="cpu")
    tests = [(f"{name}", "test images", said.test, False)]
    if said.test_tta is not None:
        tests.append((f"{name}: test_tta", "test images in six variants each", said.test_tta, True))
    for what, on, told, tta in tests:
        try:
            found = evaluate_network(network, images.test, tta)
        except RuntimeError as error:
            takes = f"its network takes no images of {said.recipe.size} pixels"
            raise InputError(f"{name}: {takes}: {str(error).splitlines()[0]}") from error
        yield from measured_again(what, told, found, on)
        if not abs(told.loss - found.loss) <= _TOLERANCE:
            yield Claim(f"{what}: its loss is said to be {told.loss:.4f}, and is {found.loss:.4f}", False)
        if told.mistakes is not None and found.mistakes is not None:
            others = len(set(told.mistakes) ^ set(found.mistakes))
            if others > images_apart(found.accuracy.n):
                yield Claim(f"{what}: {others:,} of its mistakes are others than those of its weights", False)
    filters = first_filters(network.network)
    shape = None if filters is None else tuple(filters.shape)
    if said.noise_like_filters is not None and filters is not None:
        told_filters, noisy = {"noise_like_filters": said.noise_like_filters}, noise_like(filters)
        yield from differing(name, told_filters, {"noise_like_filters": noisy}, "of its weights")
    learned_from = said.data.train_images + said.data.held_out_images
    told_of = {
        "parameters": said.parameters, "first_layer": said.first_layer, "data.test_images": said.data.test_images,
        "data.train_images and held_out_images": learned_from, "data.labels": said.data.labels,
    }  # fmt: skip
    there = (parameter_count(network.network), shape, len(images.test), len(images.train), tuple(images.labels))
    yield from differing(name, told_of, dict(zip(told_of, there, strict=True)), "there")


def _scores_on(probe: Classifier, images: ImageSet) -> Scores:
    """The scores of a probe on images of its own classes."""
    found = evaluate_probe(probe, images).photographs
    targets, predicted = (np.array(ones) for ones in ([o.label.index for o in found], [o.top.index for o in found]))
    return score(targets, predicted, len(probe.labels))


def _learned_from(name: str, said: _ProbeSaid, found: Scores) -> Iterator[Claim]:
    """What a probe's result says of the images that it learned from."""
    counts = [one.n for one in found.per_class]
    n = sum(counts)
    told = {"n_train": said.n_train, "train_counts": said.train_counts}
    wrong = list(differing(name, told, {"n_train": n, "train_counts": counts}, "in the data set"))
    yield from wrong
    # What as many images as another processor may take otherwise can move a mean over classes by.
    apart = images_apart(n) / (sum(count > 0 for count in counts) * min(count for count in counts if count))
    value = found.mean_per_class.value
    close = abs(said.train_accuracy - value) <= apart
    yield Claim(
        f"{name}: mean-per-class accuracy {said.train_accuracy:.4f} on the images that it learned from: from its "
        f"weights {value:.4f}",
        close,
    )


def _in_memory(data: ImageSet, size: int) -> InMemoryDataset:
    if not 1 <= size <= 1024:
        raise InputError(f"images of {size} pixels", "1 to 1024")
    return load_data(data, size)
