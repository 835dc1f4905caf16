"""Attack photographs, many at a time, and report what their files do to the classifier."""

from __future__ import annotations

import io
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import copy_context
from types import EllipsisType
from typing import Any, overload

from PIL import Image

from snellen.attacks.batch import AttackJob, run_jobs
from snellen.attacks.config import RANDOM, AttackConfig, epsilon_steps
from snellen.attacks.gradients import GradientEngine, choose_gradients
from snellen.attacks.result import AttackResult, Save, measure
from snellen.attacks.state import AttackExample, PhotographState
from snellen.data.images import Failure, ImageLike, Source, one_or_many, open_photo, source_name
from snellen.errors import ImageError, InputError, shown
from snellen.models.classifier import Classifier, check_classifier
from snellen.runs.progress import SILENT, Progress

Target = str | int | None

_MOST_WAITING = 4
"""The most photographs that wait to be written and measured."""


@overload
def attack(
    classifier: Classifier,
    images: Source | Image.Image,
    target: Target | EllipsisType = ...,
    epsilon: str | float | EllipsisType = ...,
    *,
    label: str | int | None = ...,
    config: AttackConfig | None = ...,
    progress: Progress = ...,
) -> AttackResult: ...
@overload
def attack(
    classifier: Classifier,
    images: Any,
    target: Target | EllipsisType = ...,
    epsilon: str | float | EllipsisType = ...,
    *,
    label: str | int | None = ...,
    config: AttackConfig | None = ...,
    progress: Progress = ...,
) -> Any: ...
def attack(
    classifier: Classifier,
    images: ImageLike | Iterable[ImageLike],
    target: Target | EllipsisType = ...,
    epsilon: str | float | EllipsisType = ...,
    *,
    label: str | int | None = None,
    config: AttackConfig | None = None,
    progress: Progress = SILENT,
) -> AttackResult | list[AttackResult | Failure]:
    """Add noise of at most ``epsilon`` to a photograph, or to each of several, so that the classifier sees ``target``.

    Args:
        classifier: classifier to fool.
        images: one photograph or several: see :func:`snellen.data.images.one_or_many`. Each is rounded to 8 bits, as
            its file holds it. Several share the network's passes.
        target: name or index of the class to be seen; ``random`` draws one for each photograph; None for any class but
            the label. Must be given here or in ``config``.
        epsilon: bound of the infinity norm, such as ``4/255``, which is the default; ``min`` searches for the smallest.
        label: name or index of the class that the photographs show; None takes what the classifier answers.
        config: everything else.
        progress: told of each photograph that is done.

    Returns:
        An :class:`AttackResult`, measured from the attacked photograph's PNG; of several photographs a list, with a
        :class:`Failure` where one cannot be read or shows the target already.

    Raises:
        ImageError: the only photograph cannot be read.
        InputError: no such class; values that cannot be, or that contradict those of ``config``; the only photograph
            shows the target already.
    """
    check_classifier(classifier, "attack")
    config = _settled(target, epsilon, config)
    index = None if label is None else classifier.labels.find(label)
    sources, single = one_or_many(images, "attack")
    progress.begin("Attacking", len(sources))
    results: list[Any] = [None] * len(sources)
    numbers: dict[AttackExample, int] = {}

    def settle(number: int, outcome: AttackResult | Failure | InputError) -> None:
        if isinstance(outcome, InputError):
            if single:
                raise outcome
            outcome = Failure(source_name(sources[number], number), str(outcome))
        results[number] = outcome
        progress.advance()

    def examples() -> Iterator[AttackExample]:
        for number, source in enumerate(sources):
            try:
                example = AttackExample(open_photo(source, "attack", number), index)
            except ImageError as error:
                settle(number, error)
            else:
                numbers[example] = number
                yield example

    engine = choose_gradients(classifier, config, len(sources), progress)
    for example, reached in attack_steps(classifier, examples(), config, engine=engine):
        if not isinstance(reached, int):
            settle(numbers.pop(example), reached)
    return results[0] if single else results


def _settled(
    target: Target | EllipsisType, epsilon: str | float | EllipsisType, config: AttackConfig | None
) -> AttackConfig:
    """The configuration with what was given beside it.

    Raises:
        InputError: no target, or a value that contradicts the configuration's.
    """
    given: dict[str, Any] = {k: v for k, v in (("target", target), ("epsilon", epsilon)) if v is not ...}
    if config is None:
        if "target" not in given:
            raise InputError("attack: no `target`", "a class, or None for any but the label; or a `config`")
        return AttackConfig(**given)
    for name, value in given.items():
        theirs = getattr(config, name)
        same = epsilon_steps(value) == epsilon_steps(theirs) if name == "epsilon" else value == theirs
        if not same:
            raise InputError(
                f"attack: `{name}` is {shown(value)}, and {shown(theirs)} in `config`", "one of them, or both alike"
            )
    return config


def png_bytes(image: Image.Image, _: AttackExample | None = None) -> bytes:
    """A PNG of ``image``, in memory."""
    file = io.BytesIO()
    # Noise does not compress: a higher level takes many times as long for a few percent.
    image.save(file, format="PNG", compress_level=1)
    return file.getvalue()


def attack_steps(
    classifier: Classifier,
    examples: Iterable[AttackExample],
    config: AttackConfig,
    save: Save = png_bytes,
    engine: GradientEngine | None = None,
) -> Iterator[tuple[AttackExample, int | AttackResult | InputError]]:
    """Attack photographs that share the network's passes; whoever stops asking stops the attack.

    What is found is written and measured on a thread of its own, while the next gradients are taken.

    Args:
        classifier: classifier to fool.
        examples: photographs, taken up as room for them arises.
        config: how.
        save: keeps the attacked file; called on another thread.
        engine: gives the gradients; None takes what one photograph is worth.

    Returns:
        Each photograph with its result, as soon as it is done, or with the error where it shows the target already; and
        on the way there, after each step, with the number of gradients that were taken for it so far.

    Raises:
        InputError: no such class.
    """
    if config.target not in (None, RANDOM):
        classifier.labels.find(config.target)
    engine = engine or choose_gradients(classifier, config, 1)
    remaining, again = iter(examples), deque[PhotographState]()
    running: dict[AttackJob, PhotographState] = {}
    refused: list[tuple[AttackExample, InputError]] = []
    found: deque[tuple[AttackExample, Future[AttackResult]]] = deque()

    def next_job() -> AttackJob | None:
        """Photographs that go on with another epsilon or search come first, then new ones."""
        while not again:
            example = next(remaining, None)
            if example is None:
                return None
            try:
                again.append(PhotographState(classifier, engine, example, config))
            except InputError as error:
                refused.append((example, error))
        state = again.popleft()
        job = state.next_job()
        running[job] = state
        return job

    measuring = ThreadPoolExecutor(1, "snellen-measure")
    try:
        for job, reached in run_jobs(next_job, classifier, engine):
            if isinstance(reached, int):
                state = running[job]
                yield state.example, state.gradients + reached
                continue
            state = running.pop(job)
            if state.take(reached):
                # The thread reads as the caller does: with or without colour profiles.
                found.append((state.example, measuring.submit(copy_context().run, measure, state, save)))
            else:
                again.append(state)
            while refused:
                yield refused.pop()
            # A bounded number of photographs is held.
            while found and (found[0][1].done() or len(found) > _MOST_WAITING):
                example, result = found.popleft()
                yield example, result.result()
        yield from refused
        for example, result in found:
            yield example, result.result()
    finally:
        measuring.shutdown(cancel_futures=True)
