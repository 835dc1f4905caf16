"""Photographs under many changes each, answered by one engine in shards that a kill costs one of."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from snellen.data.datasets.base import Example
from snellen.data.images import Failure, map_images
from snellen.errors import ImageError, InputError
from snellen.evaluation.labelled import LabelledPhotographs
from snellen.inference.engines import Engine, InputBytes
from snellen.intervals import Rate
from snellen.runs.files import write_json
from snellen.runs.progress import Progress
from snellen.runs.serialise import read_dataclass

SHARD = 16
"""Photographs in one shard."""
_TIMED = 8

Inputs = Callable[[Example], list[InputBytes]]
"""The network's inputs of one photograph, one for each trial, the first as it is; raises ImageError."""


@dataclass(frozen=True)
class _Answered:
    """One photograph under all trials: whether each answer is right, and its probability; none where it is unread."""

    image: str
    correct: tuple[bool, ...] = ()
    confidence: tuple[float, ...] = ()
    error: str = ""


@dataclass(frozen=True)
class _Shard:
    """The answers for some photographs, as they are kept; ``key`` stands for all that decides them."""

    key: str
    photographs: tuple[_Answered, ...] = field(default=())


@dataclass(frozen=True, eq=False)
class Answers:
    """What was answered for each photograph under each trial.

    Attributes:
        correct: whether the answer is right, bool (N, trials).
        confidence: its probability (N, trials).
        failures: photographs that could not be read.
    """

    correct: npt.NDArray[np.bool_]
    confidence: npt.NDArray[np.float64]
    failures: tuple[Failure, ...]

    def accuracy(self, trial: int) -> Rate:
        """Share of the photographs that are classified correctly under one trial."""
        return Rate.of(self.correct[:, trial].tolist())


@dataclass(frozen=True, eq=False)
class Trials:
    """What is done to each photograph, and what computes the answers.

    Attributes:
        inputs: inputs of a photograph, one for each trial.
        count: number of trials, with the photograph as it is.
        engine: engine that gives logits.
        what: what they are called before work that takes long: "corruptions and severities".
        key: what decides the answers.
    """

    inputs: Inputs
    count: int
    engine: Engine
    what: str
    key: str

    def run(self, chosen: LabelledPhotographs, folder: Path | None, progress: Progress) -> Answers:
        """The answers for every photograph; finished shards are kept in ``folder`` and taken from there.

        Raises:
            InputError: no photograph can be read.
        """
        answered: list[_Answered] = []
        announced = False
        for number, pairs in enumerate(chosen.shards(SHARD)):
            path = None if folder is None else folder / f"shard-{number:06}.json"
            shard = _read_shard(path, self.key)
            if shard is None:
                if not announced:
                    progress.note(self._cost(pairs[0][0], len(chosen) - len(answered)))
                    announced = True
                shard = _Shard(self.key, tuple(self._answers(pairs)))
                if path is not None:
                    write_json(path, shard)
            answered += shard.photographs
            progress.advance(len(shard.photographs))
        return _collected(chosen.images.name, answered)

    def _answers(self, pairs: Sequence[tuple[Example, int]]) -> Iterator[_Answered]:
        """The answers for some photographs with their true classes; changing them overlaps with the network."""
        waiting: deque[_Answered | tuple[Example, int]] = deque()
        targets = deque(pairs)

        def stream() -> Iterator[InputBytes]:
            for example, made in map_images((example for example, _ in pairs), self.inputs):
                target = targets.popleft()[1]
                if isinstance(made, ImageError):
                    waiting.append(_Answered(example.name, error=str(made)))
                    continue
                waiting.append((example, target))
                yield from made

        outputs = self.engine.run(stream())
        while (first := next(outputs, None)) is not None:
            while isinstance(waiting[0], _Answered):
                yield waiting.popleft()  # type: ignore[misc]  # what it is was asked just before
            example, target = waiting.popleft()  # type: ignore[misc]  # the others are answered already
            rows = [first, *(next(outputs) for _ in range(self.count - 1))]
            yield _answered(example, target, np.stack(rows).astype(np.float64))
        yield from (one for one in waiting if isinstance(one, _Answered))

    def _cost(self, example: Example, photographs: int) -> str:
        """What the work will take, from one photograph timed."""
        passes = f"{photographs * self.count:,} passes"
        text = f"{photographs:,} photographs under {self.count - 1} {self.what}: {passes}"
        try:
            started = time.perf_counter()
            inputs = self.inputs(example)
            list(self.engine.run(inputs[:_TIMED]))  # warms up
            between = time.perf_counter()
            list(self.engine.run(inputs[:_TIMED]))
            seconds = between - started + (time.perf_counter() - between) * self.count / min(_TIMED, self.count)
        except ImageError:
            return text
        return f"{text}, at most {max(1, round(photographs * seconds / 60))} minutes on this machine as it is now"


def _answered(example: Example, target: int, logits: npt.NDArray[np.float64]) -> _Answered:
    shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
    confidence = 1 / shifted.sum(axis=1)
    return _Answered(
        example.name, tuple((logits.argmax(axis=1) == target).tolist()), tuple(confidence.round(6).tolist())
    )


def _read_shard(path: Path | None, key: str) -> _Shard | None:
    """What is kept of a shard, where it was made by what ``key`` stands for."""
    if path is None:
        return None
    try:
        shard = read_dataclass(_Shard, path)
    except InputError:
        return None
    return shard if shard.key == key else None


def _collected(dataset: str, answered: Sequence[_Answered]) -> Answers:
    read = [one for one in answered if not one.error]
    failures = tuple(Failure(one.image, one.error) for one in answered if one.error)
    if not read:
        raise InputError(f"{dataset}: no photograph can be read: {failures[0].error if failures else 'there is none'}")
    return Answers(np.array([one.correct for one in read]), np.array([one.confidence for one in read]), failures)
