"""Runs the exam: each part in its own folder, then the report; a part that fails does not stop the rest."""

from __future__ import annotations

import dataclasses
import datetime
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.data.images import expand, read_image
from snellen.data.photographs import bundled_photographs
from snellen.errors import ImageError, InputError, SnellenError
from snellen.exam.cache import CachedAnswer, cache_key, load_cached, save_cached
from snellen.exam.compose import FinishedPart, compose
from snellen.exam.config import ExamConfig, first_look
from snellen.exam.context import Context, fingerprints
from snellen.exam.forecast import forecast, seconds_of_pass
from snellen.exam.parts import PARTS
from snellen.exam.report.document import Answer, Failed
from snellen.exam.report.html import write_html
from snellen.exam.report.pdf import write_pdf
from snellen.models.classifier import Classifier, load
from snellen.runs.files import Run, sweep
from snellen.runs.provenance import fingerprint

_SPACE_SHUTTLE, _IMAGENET_CLASSES = 812, 1000
_PHOTOGRAPHS_OF_A_FIRST_LOOK = 4


@dataclass(frozen=True)
class ExamResult:
    """Where the report is, and what went wrong on the way.

    Attributes:
        report: the PDF.
        page: the same as a web page in one file.
        unreadable: one line for each photograph that could not be read.
        failed: one line for each part that failed.
    """

    report: Path
    page: Path
    unreadable: tuple[str, ...]
    failed: tuple[str, ...]


class Watch:
    """Is told how an exam goes; this one does not listen."""

    def planned(self, kept: Sequence[str], seconds: float) -> None:
        """Before the first part: the names of those kept from an earlier run, and about how long the others take."""

    def started(self, part: str) -> None:
        """The part of this name begins."""


def run_exam(config: ExamConfig, out: Path, watch: Watch | None = None) -> ExamResult:
    """Take the exam; write ``report.pdf``, ``report.html``, the parts' results and ``manifest.json`` below ``out``.

    A part that was taken into ``out`` before by the same program, with the same model and the same inputs, is not
    taken again.

    Args:
        config: what to examine.
        out: the run folder.
        watch: told how it goes.

    Raises:
        InputError: another run is writing to ``out``.
        SnellenError: no model, no readable photograph, or the folder cannot be written.
    """
    with Run(out) as run:
        return _examined(config, run, watch or Watch())


def _examined(config: ExamConfig, run: Run, watch: Watch) -> ExamResult:
    out = run.path
    config = first_look(config) if config.quick else config
    photographs, expected, unreadable = _readable_photographs(config)
    classifier = load(config.model, architecture=config.architecture, device=config.device)
    provenance = classifier.provenance(
        fingerprint("".join(content for _, content in fingerprints(photographs))), seed=config.seed
    )
    context = Context(
        classifier=classifier,
        photographs=photographs,
        expected=expected,
        provenance=provenance,
        target=_target(config, classifier),
        epsilon=config.epsilon,
        datasets=config.dataset,
        training=config.training,
        training_runs=config.training_runs,
        folder=out,
        seed=config.seed,
    )
    contexts = {name: dataclasses.replace(context, folder=out / name) for name in config.parts or PARTS}
    kept = {name: found for name, one in contexts.items() if (found := _kept(name, one, out)) is not None}
    if len(kept) < len(contexts):
        one_pass = seconds_of_pass(classifier)
        watch.planned(list(kept), sum(forecast(n, one, one_pass) for n, one in contexts.items() if n not in kept))
    taken: list[FinishedPart] = []
    failed: list[str] = []
    for name, one in contexts.items():
        if name not in kept:
            watch.started(name)
            try:
                kept[name] = _take(name, one, out)
            except Exception as error:
                # Whatever went wrong in one part, the others are still to be examined and reported.
                reason = str(error) if isinstance(error, SnellenError) else f"{type(error).__name__}: {error}"
                failed.append(f"part {name}: {reason}")
                kept[name] = CachedAnswer(Answer("failed", (), (Failed(reason),)), "", "", 0.0)
        taken.append(FinishedPart(name, kept[name]))
    report = compose(config, context, taken)
    write_pdf(report, out / "report.pdf")
    write_html(report, out / "report.html")
    run.write_manifest(provenance)
    return ExamResult(out / "report.pdf", out / "report.html", tuple(unreadable), tuple(failed))


def _kept(name: str, context: Context, out: Path) -> CachedAnswer | None:
    """The part's answer, where the run folder has it and nothing that decides it has changed."""
    found = load_cached(name, out)
    try:
        return found if found is not None and found.made_by == _cache_key(name, context) else None
    except (SnellenError, OSError):
        # Inputs that cannot be read are the part's to complain of.
        return None


def _take(name: str, context: Context, out: Path) -> CachedAnswer:
    """Take one part, and keep its answer."""
    started = time.monotonic()
    for folder in (context.folder, *context.folder.rglob("*/")):
        sweep(folder)
    # Before the part runs: an input that changes meanwhile is not what the answer was found on.
    made_by = _cache_key(name, context)
    answer = PARTS[name].run(context)
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    kept = CachedAnswer(answer, made_by, made, round(time.monotonic() - started, 1))
    save_cached(kept, name, out)
    return kept


def _cache_key(name: str, context: Context) -> str:
    classifier = context.classifier
    common = (name, classifier.name, classifier.digest, str(classifier.device), context.seed)
    return cache_key(common, PARTS[name].inputs(context))


def _target(config: ExamConfig, classifier: Classifier) -> int:
    if config.target:
        return classifier.labels.find(config.target)
    return _SPACE_SHUTTLE if len(classifier.labels) == _IMAGENET_CLASSES else len(classifier.labels) - 1


def _readable_photographs(config: ExamConfig) -> tuple[list[str], list[str | None], list[str]]:
    """Paths, the labels a person chose for them, and a line for each photograph that cannot be read."""
    embedded = {str(p.path): p.label for p in bundled_photographs()}
    if not config.photographs:
        return list(embedded), list(embedded.values()), []
    readable: list[str] = []
    failures: list[str] = []
    for source in expand(config.photographs):
        if config.quick and len(readable) == _PHOTOGRAPHS_OF_A_FIRST_LOOK:
            break
        try:
            read_image(Path(source))
        except ImageError as error:
            failures.append(str(error))
        else:
            readable.append(source)
    if not readable:
        raise InputError(f"no photograph can be read: {failures[0]}")
    names = [Path(source).name for source in readable]
    strange = [name for name in config.labels if name not in names]
    if strange and not failures and not config.quick:
        raise InputError(f"labels: no photograph is called {strange[0]!r}", ", ".join(names[:8]))
    labels = [config.labels.get(name, embedded.get(path)) for name, path in zip(names, readable, strict=True)]
    return readable, labels, failures
