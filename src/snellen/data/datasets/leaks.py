"""Images that are in the training and in the test split: an answer to them is memory, not learning."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

MOST_NAMED = 3


@dataclass(frozen=True)
class Leak:
    """A test image whose pixels are those of training images.

    Attributes:
        test: name of the test image.
        train: names of the training images.
    """

    test: str
    train: tuple[str, ...]


def find_leaks(
    train: Sequence[bytes], train_names: Sequence[str], test: Sequence[bytes], test_names: Sequence[str]
) -> tuple[Leak, ...]:
    """The test images that are training images too, in their order.

    Args:
        train: digest of the pixels of each training image, see :func:`snellen.data.images.pixel_digest`.
        train_names: name of each training image.
        test: digest of the pixels of each test image.
        test_names: name of each test image.
    """
    wanted, found = set(test), dict[bytes, list[str]]()
    for digest, name in zip(train, train_names, strict=True):
        if digest in wanted:
            found.setdefault(digest, []).append(name)
    pairs = zip(test, test_names, strict=True)
    return tuple(Leak(name, tuple(found[digest])) for digest, name in pairs if digest in found)


def describe_leaks(leaks: Sequence[Leak], test_images: int) -> str:
    """One sentence that counts and names them."""
    named = ", ".join(f"{leak.test} is {leak.train[0]}" for leak in leaks[:MOST_NAMED])
    more = f", and {len(leaks) - MOST_NAMED} more" if len(leaks) > MOST_NAMED else ""
    return (
        f"{len(leaks):,} of {test_images:,} test images are training images too, pixel for pixel ({named}{more}): an "
        "answer to them is memory."
    )
