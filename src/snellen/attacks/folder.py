"""Attacks many photographs into a folder: each one's file and report as soon as it is done, a table at the end.

Killed and started again, it goes on with the photographs that are missing. A report counts as done only where it
was made of the same classifier, configuration, label and photograph, and its file is still what it was.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from snellen.attacks.attack import attack_steps, png_bytes
from snellen.attacks.config import SMALLEST, AttackConfig
from snellen.attacks.ensemble import ensemble_steps
from snellen.attacks.files import REPORTS, attacked_names, read_report, to_csv, write_report
from snellen.attacks.gradients import choose_gradients
from snellen.attacks.result import AttackResult
from snellen.attacks.state import AttackExample, attacked_bytes
from snellen.attacks.success_rates import AttackSummary, summarise
from snellen.data.images import Failure, open_photo
from snellen.data.labels import label_of_folder
from snellen.errors import ImageError, InputError
from snellen.models.classifier import Classifier, check_classifier
from snellen.runs.files import sweep, write_bytes, write_text
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import fingerprint, versions
from snellen.runs.result import Result
from snellen.runs.serialise import NOT_SERIALISED

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MOST_ROWS = 8
"""The most photographs that one figure shows."""


@dataclass(frozen=True)
class FolderResult(Result):
    """What a run of :func:`attack_folder` made.

    Attributes:
        config: how the photographs were attacked.
        success_rates: rates of success of all attacks.
        attacks: result of each photograph that could be attacked, in order.
        failures: reason for each of the others.
        resumed: number of attacks that were found done.
        data: fingerprint of the photographs.
    """

    config: AttackConfig
    success_rates: AttackSummary
    attacks: tuple[AttackResult, ...]
    failures: tuple[Failure, ...]
    resumed: int = field(default=0, metadata=NOT_SERIALISED)
    data: str = field(default="", metadata=NOT_SERIALISED)

    @property
    def engine(self) -> str:
        """Who took the gradients, and in which precision; several where a run was resumed by another."""
        return ", ".join(sorted({one.engine for one in self.attacks if one.engine}))

    def plot(self) -> Figure:
        """The security curve where the smallest bounds were searched for; else the first eight attacks."""
        from snellen.attacks.figures import draw_attacks, draw_security_curve

        if self.success_rates.curve:
            return draw_security_curve(self.success_rates)
        return draw_attacks(self.attacks[:MOST_ROWS])

    def discussion(self) -> str:
        """How many attacks succeed, how many would by chance, and what that does not prove."""
        from snellen.attacks.discussion import discuss

        return discuss(self.success_rates)


def attack_folder(
    classifier: Classifier,
    sources: Sequence[str | Path],
    config: AttackConfig,
    out: str | Path,
    *,
    labels: Sequence[str | int | None] = (),
    ensemble: Sequence[Classifier] = (),
    progress: Progress = SILENT,
) -> FolderResult:
    """Attack photographs; write the attacked files, a report of each, and ``attacks.csv`` to ``out``.

    Args:
        classifier: classifier to fool.
        sources: paths of the photographs. One in a folder named as a class, or by its WordNet id, shows that class.
        config: how.
        out: run folder.
        labels: class that each of them shows, whatever its folder says; empty, or None in it, where nobody said.
        ensemble: further networks that the same file is to fool; see :mod:`snellen.attacks.ensemble`.
        progress: told of each photograph that is done.

    Raises:
        InputError: no such class, a photograph that is named twice, or what an ensemble's attack cannot do.
    """
    check_classifier(classifier, "attack_folder")
    run = _FolderRun(classifier, [str(source) for source in sources], config, Path(out), labels, ensemble, progress)
    examples = run.examples()
    first = list(islice(examples, 1))
    examples = chain(first, examples)
    if first and ensemble:
        steps = ensemble_steps([classifier, *ensemble], examples, config, run.save)
    elif first:
        engine = choose_gradients(classifier, config, len(sources), progress)
        steps = attack_steps(classifier, examples, config, run.save, engine)
    else:
        # Where all is done already, no engine is made.
        steps = iter(())
    for example, reached in steps:
        if not isinstance(reached, int):
            run.take(example.photo.name, reached)
    return run.finish()


class _FolderRun:
    """The photographs of one run, and what has become of each so far."""

    def __init__(
        self,
        classifier: Classifier,
        paths: Sequence[str],
        config: AttackConfig,
        out: Path,
        labels: Sequence[str | int | None],
        ensemble: Sequence[Classifier],
        progress: Progress,
    ) -> None:
        self._classifier, self._paths, self._config, self._out = classifier, paths, config, out
        given = dict(zip(paths, labels, strict=True)) if labels else {}
        self._labels = {path: classifier.labels.find(label) for path, label in given.items() if label is not None}
        self._files = attacked_names(paths)
        keys = [one.cache_key() for one in (classifier, *ensemble)]
        self._of_all = repr((*keys, config, versions().get("snellen")))
        self._keys: dict[str, str] = {}
        self._contents: list[str] = []
        self._found: dict[str, AttackResult | Failure] = {}
        self._resumed = 0
        self._progress = progress
        sweep(out / REPORTS)
        progress.begin("Attacking", len(paths))

    def examples(self) -> Iterator[AttackExample]:
        """The photographs that are still to be attacked; those that cannot be read or are done are settled here."""
        for path in self._paths:
            try:
                photo = open_photo(path, "attack")
            except ImageError as error:
                self.take(path, error)
                continue
            image = photo.image
            label = self._labels.get(path, label_of_folder(self._classifier.labels, path))
            self._contents.append(fingerprint(image.tobytes()))
            self._keys[path] = fingerprint(repr((self._of_all, label, image.size)).encode() + image.tobytes())
            earlier = read_report(self._out, self._files[path], self._keys[path])
            if earlier is None:
                yield AttackExample(photo, label)
                continue
            self._resumed += 1
            source = Image.fromarray(attacked_bytes(self._classifier, image, self._config.space))
            self._settle(path, dataclasses.replace(earlier, name=path, source=source))

    def save(self, image: Image.Image, example: AttackExample) -> Path:
        """Keep an attacked image."""
        file = self._out / self._files[example.photo.name]
        write_bytes(file, png_bytes(image))
        return file

    def take(self, path: str, outcome: AttackResult | InputError) -> None:
        """Take in what has become of a photograph, and write the report of an attack."""
        if isinstance(outcome, InputError):
            self._settle(path, Failure(path, str(outcome)))
            return
        # Relative, so that a run folder can be moved.
        result = dataclasses.replace(outcome, file=self._files[path])
        write_report(self._out, self._keys[path], result)
        self._settle(path, result)

    def _settle(self, path: str, outcome: AttackResult | Failure) -> None:
        if isinstance(outcome, AttackResult):
            # Photographs are not held: there may be any number of them.
            source = path if self._config.space == "image" else outcome.source
            outcome = dataclasses.replace(outcome, source=source, saved=self._out / outcome.file)
        self._found[path] = outcome
        self._progress.advance()

    def finish(self) -> FolderResult:
        """Write the table, and sum up."""
        found = [self._found[path] for path in self._paths]
        attacks = tuple(outcome for outcome in found if isinstance(outcome, AttackResult))
        failures = tuple(outcome for outcome in found if isinstance(outcome, Failure))
        write_text(self._out / "attacks.csv", to_csv(attacks, failures))
        summary = summarise(attacks, smallest=self._config.epsilon == SMALLEST)
        data = fingerprint("".join(self._contents))
        return FolderResult(self._config, summary, attacks, failures, self._resumed, data)
