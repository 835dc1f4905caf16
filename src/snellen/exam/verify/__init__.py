"""Recomputes what an exam's folder claims, line by line.

The folder may be a stranger's: only regular files below it are read, through the readers that all photographs, JSON and
weights pass, within bounds; nothing in it is run, and no name in it leads to a file, a model or a data set elsewhere.
Which model it was, and where a data set lies that does not come with the packages, whoever verifies says.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from snellen.attacks.file_check import Claim
from snellen.data.images import is_left_behind
from snellen.errors import InputError, SnellenError, shown
from snellen.exam.contents import CONTENTS, digest
from snellen.exam.twins import shared_files
from snellen.exam.verify.folder import LEFT_BY, MOST_NAMED, StrangersFolder, paths_below, provenance_of, read_contents
from snellen.exam.verify.learned import probed, trained
from snellen.exam.verify.photographs import attack_digests, attacked, categories
from snellen.exam.verify.terms import Drawn, Means, draw
from snellen.prose import counted, listed
from snellen.runs.ledger import MANIFEST

__all__ = ["Drawn", "InCommon", "Means", "Verified", "draw", "in_common", "provenance_of", "verify_exam"]


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
    try:
        paths = list(paths_below(home))
    except InputError as error:
        return Verified(home, (Claim(str(error), False),), (), ())
    odd = [path for path in paths if path.is_symlink() or not (path.is_file() or path.is_dir())]
    if odd:
        names = [shown(path.relative_to(home).as_posix()) for path in sorted(odd)[:MOST_NAMED]]
        claims = [Claim(f"{name}: is a link, or no file, as an exam leaves none", False) for name in names]
        return Verified(home, tuple(claims), (), ())
    names = [path.relative_to(home).as_posix() for path in paths if path.is_file()]
    return _verified(StrangersFolder(home, provenance, names, means or Means()))


def _verified(folder: StrangersFolder) -> Verified:
    """Go through all claims; what cannot be read does not hold."""
    steps: tuple[Callable[[StrangersFolder], Iterator[Claim]], ...] = (
        _files, _absent, _pool, _draw, _model, categories, attacked, trained, probed, _not_again,
    )  # fmt: skip
    claims: list[Claim] = []
    for step in steps:
        try:
            claims += step(folder)
        except SnellenError as error:
            claims.append(Claim(str(error), False))
        except Exception as error:
            # What a stranger's files make of a reader is a line, and the other claims are still gone through.
            part = step.__name__.strip("_")
            claims.append(Claim(f"{part}: cannot be gone through: {type(error).__name__}: {error}", False))
    return Verified(
        folder.home,
        tuple(claims),
        folder.photographs,
        tuple(sorted(attack_digests(folder))),
        tuple(_nothing_of(folder)),
    )


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


def _files(folder: StrangersFolder) -> Iterator[Claim]:
    contents = read_contents(folder.home)
    wrong = []
    for name, said in contents.digests.items():
        try:
            changed = digest(folder.file(name)) != said
            reason = "is not what it was" if changed else ""
        except InputError as error:
            reason = error.message.partition(": ")[2]
        if reason:
            wrong.append(f"{shown(name)}: {reason}")
    count = len(contents.digests)
    yield Claim(f"{count - len(wrong):,} of {count:,} files are as {CONTENTS} says", not wrong if count else None)
    yield from (Claim(line, False) for line in wrong[:MOST_NAMED])
    # Hidden files are the system's, as are Explorer's beside pictures; no exam makes one.
    listed = {*contents.digests, CONTENTS, MANIFEST}
    strange = [name for name in folder.names if name not in listed and not is_left_behind(PurePosixPath(name).name)]
    if strange:
        names = ", ".join(map(shown, sorted(strange)[:MOST_NAMED]))
        yield Claim(f"{CONTENTS} lists all files: it does not list {len(strange):,}, such as {names}", False)
    for copy in contents.photographs.values():
        folder.file(copy)


def _absent(folder: StrangersFolder) -> Iterator[Claim]:
    """The parts that are not there; one that was taken has left its results."""
    asked, nothing_of = _asked(folder), _nothing_of(folder)
    for part in nothing_of:
        if part in folder.contents.parts:
            yield Claim(f"{part}: the folder has nothing of it", False)
        elif part in asked:
            yield Claim(f"{part}: was asked for, and the folder has nothing of it", False)
    others = [part for part in nothing_of if part not in folder.contents.parts and part not in asked]
    if others:
        yield Claim(f"the folder has nothing of {listed(others)}, and does not say that it had", None)


def _asked(folder: StrangersFolder) -> Sequence[str]:
    """The parts that were asked for, where that is known."""
    return () if folder.means.drawn is None else folder.means.drawn.parts


def _nothing_of(folder: StrangersFolder) -> list[str]:
    """The parts that are recomputed, or were asked for, and have left nothing."""
    return [part for part in dict.fromkeys((*LEFT_BY, *_asked(folder))) if not folder.has(part)]


def _pool(folder: StrangersFolder) -> Iterator[Claim]:
    pool = folder.means.pool
    if pool is None:
        return
    known = {digest(path) for path in sorted(pool.rglob("*")) if path.is_file()}
    strange = [one for one in folder.photographs if one not in known]
    count = len(folder.photographs)
    yield Claim(f"{count - len(strange)} of {count} photographs are files of {pool}", not strange if count else None)


def _draw(folder: StrangersFolder) -> Iterator[Claim]:
    drawn = folder.means.drawn
    if drawn is None:
        return
    wanted, there = Counter(drawn.photographs), Counter(folder.photographs)
    others = (there - wanted).total()
    beside = f"; it has {others} that are not" if others else ""
    if wanted != there == Counter(drawn.at_first_look):
        beside += "; its are those of a first look, which the configuration does not ask for (quick = true)"
    yield Claim(
        f"{(wanted & there).total()} of the {counted(wanted.total(), 'photograph')} drawn by {drawn.by} "
        f"are in the folder{beside}",
        wanted == there,
    )


def _model(folder: StrangersFolder) -> Iterator[Claim]:
    said, classifier = folder.provenance, folder.means.classifier
    if classifier is None:
        yield Claim(f"the model is {shown(said.model)}: name it as `model` to have its answers verified", None)
        return
    weights = classifier.digest
    yield Claim(f"the weights are those of {classifier.name} ({weights[:16]})", weights == said.weights)
    if said.preprocessing:
        yield Claim("the preprocessing is that model's", said.preprocessing == classifier.preprocessing.describe())


def _not_again(folder: StrangersFolder) -> Iterator[Claim]:
    """What is in the folder and is recomputed nowhere."""
    parts = [part for part in folder.contents.parts if part not in LEFT_BY]
    if parts:
        yield Claim(f"what {listed(parts)} found is not recomputed", None)
    if "attack" in folder.contents.parts:
        what = "the control by random noise, the number of gradients, and what a robust attack outlives"
        yield Claim(f"attack: {what}: not recomputed", None)
    if any(name.startswith("report.") for name in folder.names):
        yield Claim("what the reports and each part's answer.json say is not read: hold it beside these lines", None)
