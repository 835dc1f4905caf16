"""What the benchmarks share that read photographs."""

from collections.abc import Iterable
from typing import TypeVar

from snellen.data.images import Failure
from snellen.errors import ImageError

T = TypeVar("T")


def all_read(found: Iterable[T | ImageError | Failure]) -> list[T]:
    """What was made of each photograph, where all can be read: the contenders are to have the same work.

    Raises:
        ImageError: one cannot be read.
    """
    made: list[T] = []
    for one in found:
        if isinstance(one, ImageError):
            raise one
        if isinstance(one, Failure):
            raise ImageError(one.error)
        made.append(one)
    return made
