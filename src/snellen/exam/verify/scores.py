"""What a stored result says of its scores, held against its own confusion matrix and against one computed again.

All scores are functions of the confusion matrix, so two questions are enough: whether each follows from the matrix
that stands beside it, and whether that matrix is what the weights give.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from snellen.attacks.file_check import Claim
from snellen.errors import shown
from snellen.models.scores import Scores, scores_of
from snellen.runs.provenance import versions
from snellen.runs.serialise import to_plain

_NAMED = 8
"""Numbers that are named by themselves; of more, their number is said."""
_SAME = 1e-9
"""What a number that is computed again from the same counts may differ by, relative to its size."""


def images_apart(n: int) -> int:
    """How many of ``n`` images may be classified otherwise on another processor."""
    return max(1, round(0.002 * n))


def is_square(confusion: Sequence[Sequence[int]]) -> bool:
    """Whether a confusion matrix of anybody's is one: as many columns as rows, each a count."""
    size = len(confusion)
    return size > 0 and all(len(row) == size and all(0 <= count < 2**31 for count in row) for row in confusion)


def consistent(name: str, said: Scores, version: str) -> Iterator[Claim]:
    """Whether scores follow from the confusion matrix that stands beside them.

    Args:
        name: what the claims begin with.
        said: the scores as they are stored.
        version: the version of Snellen that is said to have made them. The end of an interval that another version may
            have computed otherwise cannot be told.
    """
    if not is_square(said.confusion):
        yield Claim(f"{name}: its confusion is no square of counts", False)
        return
    again = to_plain(scores_of(np.array(said.confusion, dtype=np.int64)))
    stored = {key: value for key, value in to_plain(said).items() if key in again}
    wrong = list(differing(name, stored, again, "from its confusion matrix"))
    other = version != versions().get("snellen")
    for claim in wrong:
        interval = other and any(f".{end} is " in claim.what for end in ("low", "high"))
        yield Claim(f"{claim.what}; made by Snellen {shown(version)}", None) if interval else claim
    if not wrong:
        yield Claim(f"{name}: its accuracies and their intervals follow from its confusion matrix", True)


def measured_again(name: str, said: Scores, found: Scores, on: str) -> Iterator[Claim]:
    """Whether scores are those that the weights give, but for the few images that another processor takes otherwise."""
    count, n = found.accuracy.count, found.accuracy.n
    same_shape = [len(row) for row in said.confusion] == [len(row) for row in found.confusion]
    moved = _moved(said.confusion, found.confusion) if same_shape else n
    close = said.accuracy.n == n and abs(said.accuracy.count - count) <= images_apart(n)
    yield Claim(
        f"{name}: accuracy {said.accuracy.count} of {said.accuracy.n} on the {on}: from its weights {count} of {n}",
        close,
    )
    apart = f"; {moved:,} of {n:,} images are counted elsewhere" if moved else ""
    yield Claim(f"{name}: its confusion matrix is that of its weights{apart}", moved <= images_apart(n))


def _moved(said: Sequence[Sequence[int]], found: Sequence[Sequence[int]]) -> int:
    """How many images two matrices of one shape count in different cells, or in one of them only."""
    pairs = [(a, b) for row, other in zip(said, found, strict=True) for a, b in zip(row, other, strict=True)]
    return max(sum(max(a - b, 0) for a, b in pairs), sum(max(b - a, 0) for a, b in pairs))


def differing(name: str, said: Any, again: Any, source: str) -> Iterator[Claim]:
    """A claim that does not hold for each value of ``said`` that is another in ``again``; ``source`` says whose."""
    stored, computed = dict(_leaves(to_plain(said))), dict(_leaves(to_plain(again)))
    wrong = [key for key in {**computed, **stored} if not _same(stored.get(key), computed.get(key))]
    for key in wrong[:_NAMED]:
        yield Claim(f"{name}: {key} is {shown(stored.get(key))}, and {source} {shown(computed.get(key))}", False)
    if wrong[_NAMED:]:
        yield Claim(f"{name}: so are {len(wrong) - _NAMED:,} other values", False)


def _leaves(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Each number, text or null of plain values, by where it stands: ``test.per_class[3].share``."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _leaves(inner, f"{key}.{name}" if key else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _leaves(inner, f"{key}[{number}]")
    else:
        yield key, value


def _same(one: Any, other: Any) -> bool:
    if isinstance(one, int | float) and isinstance(other, int | float):
        return math.isclose(one, other, rel_tol=_SAME, abs_tol=_SAME)
    return bool(one == other)
