"""Draws some of many, evenly over their classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence

import numpy as np


def drawn_in_turn(classes: Sequence[Hashable], random: np.random.Generator) -> list[int]:
    """Every index of ``classes`` in a drawn order whose beginning, wherever it ends, is even over the classes.

    One of each class comes first, then the second of each, and so on; within a turn, and within a class, by chance.

    Args:
        classes: class of each thing to draw from.
        random: generator of the order.
    """
    order = random.permutation(len(classes)).tolist()
    seen: Counter[Hashable] = Counter()
    turns = []
    for index in order:
        turns.append(seen[classes[index]])
        seen[classes[index]] += 1
    return [index for _, index in sorted(zip(turns, order, strict=True), key=lambda pair: pair[0])]
