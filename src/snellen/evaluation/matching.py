"""Which of the model's classes each class of a data set is: by a mapping, a name, a WordNet id, or its number."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from snellen.data.datasets.pets import CLASS_OF_IMAGENET, is_pets
from snellen.data.datasets.tables import LABEL_COLUMNS, SEPARATORS, rows_of
from snellen.data.labels import Labels, numbered_labels, plain_name
from snellen.errors import InputError, shown
from snellen.prose import counted
from snellen.runs.text import composed, read_text

MatchBy = Literal["auto", "name", "wordnet", "index"]
How = Literal["mapping", "name", "wordnet", "index", ""]

_HEADS = (*LABEL_COLUMNS, "name", "dataset", "data set", "model", "model_class", "model class", "imagenet", "index")
"""What the columns of a mapping go by, where its first line is a head."""
_MAPPING_FILE = "a `mapping` file of two columns, the data set's class and the model's"
_NUMBER = re.compile("(?:class )?([0-9]+)")
"""A class that is called by its number, as in a table, or as :func:`snellen.data.labels.numbered_labels` writes it."""


@dataclass(frozen=True)
class ClassMatch:
    """One class of a data set, and which of the model's it is.

    Attributes:
        name: name in the data set.
        index: index among the model's classes; None where none was found.
        how: what it was found by; empty where it was not.
        reason: why it was not found; empty where it was.
    """

    name: str
    index: int | None
    how: How
    reason: str = ""


def match_classes(
    classes: Sequence[str],
    model: Labels,
    *,
    match_by: MatchBy = "auto",
    mapping: Mapping[str, str | int] | None = None,
) -> tuple[ClassMatch, ...]:
    """The model's class for each class of a data set.

    A class that the mapping names is what it says there. Any other is looked for by WordNet id, then by name: by
    exactly that name, else by one that differs in case, spaces or underscores only. Where so several of the model's
    classes would be meant, or several of the data set's mean one, none is matched but what is exactly called so. Of a
    model whose classes have no ids, an id is the class that bears a name that the id stands for, unless another class
    of the data set would be the same one.

    By its number a class is only taken where that was asked for, or where no name is known and there are as many
    classes as the model has: a number that is meant otherwise would be a wrong answer without a word. Where it was
    asked for and no class is called by a number, their places count, if there are as many as the model has.

    Args:
        classes: names of the data set's classes, in its order.
        model: names of the model's.
        match_by: ``auto`` as above; or one way only: ``name``, ``wordnet``, ``index``.
        mapping: the model's class, by name, WordNet id or index, for names of the data set's.

    Raises:
        InputError: an unknown way, a mapping that names no class, or not one class that can be matched.
    """
    if match_by not in get_args(MatchBy):
        raise InputError(f"`match_by` is {match_by!r}", ", ".join(get_args(MatchBy)))
    spelled = {composed(name): name for name in classes}
    mapping = {spelled.get(composed(name), name): target for name, target in (mapping or {}).items()}
    strange = [name for name in mapping if name not in classes]
    if strange:
        raise InputError(f"mapping: the data set has no class {strange[0]!r}", ", ".join(classes[:8]))
    if match_by == "index" or (match_by == "auto" and _numbers_alone(classes, model)):
        found = _by_number(classes, model)
    else:
        found = _told_apart({name: _match(name, model, match_by) for name in classes if name not in mapping}, model)
    if not model.wordnet_ids:
        found = _each_its_own(found)
    matches = tuple(_mapped(name, mapping[name], model) if name in mapping else found[name] for name in classes)
    if all(match.index is None for match in matches):
        ours, theirs = (", ".join(names[:3]) for names in (classes, model.names))
        by_place = len(classes) == len(model) or any(_NUMBER.fullmatch(name) for name in classes)
        raise InputError(
            f"none of the data set's classes ({ours}, ...) is one of the model's ({theirs}, ...)"
            + (f": {matches[0].reason}" if match_by == "index" else ""),
            f"{_MAPPING_FILE}; or `match_by` index" if by_place and match_by != "index" else _MAPPING_FILE,
        )
    return matches


def known_classes(classes: Sequence[str], model: Labels) -> tuple[bool | None, ...]:
    """Whether each class of a data set is a class of the model's own, by its name or WordNet id.

    None where that is not certain: the name is part of a name of the model's (``cat`` of ``tiger cat``) or holds one;
    or no class can be matched, so that the two may only be written differently. Of the breeds of Oxford-IIIT Pet those
    count too that ImageNet calls otherwise.

    Args:
        classes: names of the data set's classes.
        model: names of the model's.
    """
    breeds = CLASS_OF_IMAGENET if is_pets(classes) else {}
    other = {name: breeds.get(plain_name(name).replace(" ", "_"), "") for name in classes}
    mapping = {name: theirs for name, theirs in other.items() if theirs and len(model.named(theirs)) == 1}
    try:
        matches = match_classes(classes, model, mapping=mapping)
    except InputError:
        return (None,) * len(classes)
    names = [
        words
        for one in (*model.names, *(each for many in model.synonyms for each in many))
        if (words := set(plain_name(one).split()))
    ]

    def uncertain(name: str) -> bool:
        words = set(plain_name(name).split())
        return other[name] is None or any(words <= theirs or theirs <= words for theirs in names)

    return tuple(
        True
        if match.how in ("name", "wordnet", "mapping")
        else None
        if match.how == "index" or uncertain(match.name)
        else False
        for match in matches
    )


def read_mapping(path: str | Path) -> dict[str, str | int]:
    """A mapping file: a JSON object, or a CSV of two columns: the data set's class, the model's.

    The columns may stand apart by commas, semicolons or tabs, and have a head, such as ``class,model``.

    Raises:
        InputError: it cannot be read, is neither, or names two classes of the model for one.
    """
    path = Path(path)
    accepted = "a JSON object {class: class of the model}, or a CSV of two columns, such as cat,tabby"
    text = read_text(path, accepted=accepted)
    if path.suffix.lower() == ".json":
        try:
            found = json.loads(text, object_pairs_hook=lambda pairs: _each_once(path, pairs))
        except (ValueError, RecursionError) as error:
            raise InputError(f"{path}: not JSON: {error}", accepted) from error
        if not isinstance(found, dict) or not all(isinstance(v, str | int) for v in found.values()):
            raise InputError(f"{path}: not a mapping", accepted)
        return found
    read = [rows_of(str(path), text, separator) for separator in reversed(SEPARATORS)]
    rows = next((rows for rows in read if rows and all(len(row) == 2 for row in rows)), None)
    if rows is None:
        # Of the ways to read it that with most lines of two columns.
        rows = max(read, key=lambda rows: sum(len(row) == 2 for row in rows))
        number, wrong = next(((n, row) for n, row in enumerate(rows, 1) if len(row) != 2), (1, []))
        raise InputError(f"{path}, row {number}: {counted(len(wrong), 'column')}", accepted)
    if all(cell.lower() in _HEADS for cell in rows[0]):
        rows = rows[1:]
    return _each_once(path, [(row[0], row[1]) for row in rows])


def _each_once(path: Path, pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """The pairs as a mapping.

    Raises:
        InputError: two of them say different things of one class.
    """
    found: dict[str, Any] = {}
    spelled: dict[str, str] = {}
    for name, target in pairs:
        name = spelled.setdefault(composed(name), name)
        if found.setdefault(name, target) != target:
            raise InputError(f"{path}: {name!r} is {shown(found[name])} and {shown(target)}", "one class for each")
    return found


def _mapped(name: str, target: str | int, model: Labels) -> ClassMatch:
    try:
        return ClassMatch(name, model.find(target), "mapping")
    except InputError as error:
        raise InputError(f"mapping: {name!r}: {error.message}", error.hint) from error


def _match(name: str, model: Labels, match_by: MatchBy) -> ClassMatch:
    reason = "the model has no class of that name or WordNet id"
    by_id = model.of_wordnet_id(name)
    if by_id is not None and match_by in ("auto", "wordnet"):
        return ClassMatch(name, by_id, "wordnet")
    if by_id is None and match_by in ("auto", "name"):
        try:
            return ClassMatch(name, _find_name(name, model), "name")
        except InputError as error:
            reason = str(error)
    return ClassMatch(name, None, "", reason)


def _told_apart(found: Mapping[str, ClassMatch], model: Labels) -> dict[str, ClassMatch]:
    """``found`` without the classes that differ in case, spaces or underscores only and would be one of the model's.

    That which has exactly the name of the model's class stays: of ``A`` and ``a``, the one is not the other.
    """
    times = Counter((plain_name(match.name), match.index) for match in found.values())
    return {
        name: ClassMatch(name, None, "", "another class of the data set differs from it in how it is written only")
        if match.how == "name"
        and match.index is not None
        and times[plain_name(name), match.index] > 1
        and composed(name) != composed(model.names[match.index])
        else match
        for name, match in found.items()
    }


def _each_its_own(found: Mapping[str, ClassMatch]) -> dict[str, ClassMatch]:
    """``found`` without the ids that only a word leads to a class, where another of the set's classes is that class."""
    times = Counter(match.index for match in found.values())
    return {
        name: ClassMatch(name, None, "", "another class of the data set is the same class of the model's")
        if match.how == "wordnet" and times[match.index] > 1
        else match
        for name, match in found.items()
    }


def _by_number(classes: Sequence[str], model: Labels) -> dict[str, ClassMatch]:
    """Each class by the number that it is called by, or by its place where none is and there are as many as ours."""
    numbers = {name: int(found[1]) for name in classes if (found := _NUMBER.fullmatch(name)) is not None}
    reason = "it is no number"
    if not numbers:
        reason = (
            f"its place among {counted(len(classes), 'class', 'classes')} is no number of the model's {len(model):,}"
        )
        if len(classes) == len(model):
            numbers = {name: place for place, name in enumerate(classes)}
    return {
        name: ClassMatch(name, None, "", reason)
        if name not in numbers
        else ClassMatch(name, numbers[name], "index")
        if numbers[name] < len(model)
        else ClassMatch(name, None, "", f"the model has {counted(len(model), 'class', 'classes')} only")
        for name in classes
    }


def _find_name(name: str, model: Labels) -> int:
    """The index of the class called ``name``; never that of which it is only the number.

    Raises:
        InputError: none, or several, are called so.
    """
    if plain_name(name).isdecimal() and not model.named(name):
        raise InputError(f"no class named {name!r}", "`match_by` index takes it as a number")
    return model.find(name)


def _numbers_alone(classes: Sequence[str], model: Labels) -> bool:
    """Whether classes are only known by number, and are as many as the model's."""
    if len(classes) != len(model) or {plain_name(one) for one in classes} & {plain_name(one) for one in model.names}:
        return False
    return tuple(classes) == numbered_labels(len(classes)).names or {
        int(name) for name in classes if name.isdecimal()
    } == set(range(len(classes)))
