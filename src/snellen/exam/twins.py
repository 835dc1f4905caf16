"""Which exams have files in common."""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator, Mapping


def files_in_common(digests: Mapping[str, Collection[str]]) -> Iterator[tuple[str, str, int]]:
    """Each pair of exams with files in common, and how many those are.

    Args:
        digests: digests of some of each exam's files, by the exam's name; a file that is there twice counts once.
    """
    for one, other in itertools.combinations(digests, 2):
        count = len(set(digests[one]) & set(digests[other]))
        if count:
            yield one, other, count
