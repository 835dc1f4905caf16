"""Less of what a command does many times over, where a test is of something else."""

from pathlib import Path

from snellen.data.transforms import TRANSFORMS, TransformStrength, all_transforms, assignment_transforms

PAGE = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
import shorter
from snellen.cli import main
from snellen.robustness import stress
stress.all_transforms = shorter.some_transforms
sys.argv[0] = "snellen"
main()
"""
"""``snellen serve``, which stresses photographs with :func:`some_transforms` alone."""


def some_transforms() -> tuple[TransformStrength, ...]:
    """The ends of each ladder, and what the assignment asks for."""
    ends = {(one.name, strength) for one in TRANSFORMS.values() for strength in (one.ladder[0], one.ladder[-1])}
    return tuple(one for one in all_transforms() if one in ends or one in assignment_transforms())
