"""What every result of an examination can do: draw itself, explain itself, become plain data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from snellen.runs.serialise import to_plain

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Result:
    """A result; a notebook shows it as its figure."""

    def plot(self) -> Figure:
        """The result as a Matplotlib figure."""
        raise NotImplementedError

    def discussion(self) -> str:
        """What the numbers say, in sentences, and what they do not prove; paragraphs are a blank line apart."""
        raise NotImplementedError

    def to_dict(self) -> dict[str, Any]:
        """The result as what JSON knows; images are left out."""
        plain: dict[str, Any] = to_plain(self)
        return plain

    def _repr_png_(self) -> bytes:
        from snellen.figures import png_of

        return png_of(self.plot())
