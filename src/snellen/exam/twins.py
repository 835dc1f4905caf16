"""Which exams have files in common."""

from __future__ import annotations

import itertools
from collections import Counter
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


def shared_files(digests: Mapping[str, Collection[str]]) -> dict[tuple[str, ...], int]:
    """Each group of exams that some files are in, and how many those are; a file counts for one group.

    Args:
        digests: as of :func:`files_in_common`.
    """
    owners: dict[str, list[str]] = {}
    for name, files in digests.items():
        for one in dict.fromkeys(files):
            owners.setdefault(one, []).append(name)
    return dict(Counter(tuple(names) for names in owners.values() if len(names) > 1))
