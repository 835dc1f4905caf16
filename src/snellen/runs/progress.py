"""How long work tells of itself: one protocol, which this module's class obeys by showing nothing."""

from __future__ import annotations

from collections.abc import Mapping


class Progress:
    """Told how long work goes on. This one shows nothing; a surface overrides what it shows.

    Any method may raise: that stops the work, which leaves what it had finished.
    """

    def begin(self, stage: str, total: int | None = None) -> None:
        """A stage begins.

        Args:
            stage: what is done, in a few words: ``Embedding``.
            total: number of items; None where nobody knows it.
        """

    def advance(self, count: int = 1, **metrics: float) -> None:
        """``count`` more items of the stage are done.

        Args:
            count: number of items.
            metrics: what is known of them by now: loss, images a second, seconds left.
        """

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Numbers that belong to one step or epoch, for a log such as TensorBoard's."""

    def note(self, line: str) -> None:
        """One line worth keeping: an epoch's loss, a part that need not be run again."""


SILENT = Progress()
"""For work that nobody watches."""
