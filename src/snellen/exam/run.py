"""Runs the exam: each part in its own folder, then the report; a part that fails does not stop the rest."""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from snellen.data.images import expand
from snellen.errors import InputError, SnellenError
from snellen.exam.cache import CachedAnswer, cache_key, load_cached, remove_cached, remove_pictures, save_cached
from snellen.exam.compose import FinishedPart, compose
from snellen.exam.config import ExamConfig, asked_parts, check_numbers, check_parts, first_look
from snellen.exam.contents import (
    NOTEBOOK,
    SOURCE,
    check_copies,
    check_no_class,
    check_unchanged,
    extras,
    remove_extras,
    set_contents_aside,
    write_contents,
)
from snellen.exam.context import Context, fingerprints, photograph_names
from snellen.exam.notebook import code_of, settings, setup
from snellen.exam.own_words import check_own_words, notes_on_own_words
from snellen.exam.parts import PARTS, Part
from snellen.exam.photographs import choose_photographs, target_class
from snellen.exam.report.document import Answer, Fact, Failed, first_page
from snellen.exam.report.html import write_html
from snellen.exam.report.notebook import write_notebook
from snellen.exam.report.pdf import write_pdf, write_source
from snellen.models.classifier import Classifier, load
from snellen.runs import ledger
from snellen.runs.files import Run, sweep_below, write_bytes
from snellen.runs.ledger import check_output
from snellen.runs.progress import SILENT, Progress
from snellen.runs.provenance import Provenance, fingerprint
from snellen.training.files import read_results

_WORTH_SAYING = 30.0
"""Seconds; less need not be announced."""
_OVERHEAD = 3.0
"""Seconds of a part that are not the network's: decoding, drawing."""


@dataclass(frozen=True)
class ExamResult:
    """Where the report is, and what went wrong on the way.

    Attributes:
        report: path of the PDF.
        page: path of the same as a web page in one file.
        summary: path of the PDF of its first page alone.
        findings: title of each part and what it found, in one sentence.
        unreadable: one line for each photograph that could not be read.
        failed: one line for each part that failed.
        photographs: what the report calls each photograph.
        facts: title of each part with its findings as names and values.
        provenance: what the exam was made with.
        target: class that the attack was to show.
    """

    report: Path
    page: Path
    summary: Path
    findings: tuple[tuple[str, str], ...]
    unreadable: tuple[str, ...]
    failed: tuple[str, ...]
    photographs: tuple[str, ...]
    facts: tuple[tuple[str, tuple[Fact, ...]], ...]
    provenance: Provenance
    target: str


class Shared:
    """What exams of one process share: each model is loaded once, and no part is taken twice for the same answer."""

    def __init__(self) -> None:
        self._classifiers: dict[str, Classifier] = {}
        self._runs: list[Path] = []
        self._paces: dict[str, float] = {}

    def classifier(self, config: ExamConfig) -> Classifier:
        """The model that ``config`` examines."""
        said = (config.architecture, config.model_labels, config.preprocessing, config.train_size, config.device)
        key = repr((config.model, *said))
        if key not in self._classifiers:
            self._classifiers[key] = load(
                config.model,
                architecture=config.architecture,
                labels=config.model_labels,
                preprocessing=config.preprocessing or None,
                train_size=config.train_size,
                device=config.device,
            )
        return self._classifiers[key]

    def pace(self, part: str) -> float:
        """What a part takes over what is expected of it: by the exam before, which may have loaded what it needs."""
        return self._paces.get(part, 1.0)

    def took(self, part: str, seconds: float, expected: float) -> None:
        """Note what a part took of which so many seconds were expected; of none where it failed."""
        if seconds and expected:
            self._paces[part] = seconds / expected

    def add(self, run: Path) -> None:
        """Note that the exam in ``run`` is finished."""
        self._runs.append(run)

    def bring(self, name: str, key: str, to: Path) -> CachedAnswer | None:
        """The answer of part ``name`` that a finished exam has for ``key``, its folder copied into the run ``to``."""
        for run in self._runs:
            found = load_cached(name, run)
            if found is not None and found.cache_key == key:
                # What else lies there, a link to any file among it, was laid there by somebody.
                made = ledger.Ledger(run).files_below(run / name)
                for file in made:
                    write_bytes(to / name / file, (run / name / file).read_bytes())
                for other in set(ledger.files_below(to / name)).difference(made):
                    ledger.remove(to / name / other)
                return load_cached(name, to)
        return None


def run_exam(
    config: ExamConfig,
    out: str | Path,
    *,
    parts: Mapping[str, Part] = PARTS,
    keep_source: bool = False,
    notebook: bool = False,
    progress: Progress = SILENT,
    shared: Shared | None = None,
) -> ExamResult:
    """Take the exam; write ``report.pdf``, ``report.html``, the parts' results and ``manifest.json`` below ``out``.

    ``summary.pdf`` is the report's first page alone. A notebook or a source of the report that an earlier exam wrote
    into ``out`` is written again.

    A part that was taken into ``out`` before by the same program, with the same model and the same inputs, is not
    taken again.

    Args:
        config: model, photographs and data to examine, and the report's head.
        out: run folder.
        parts: all parts there are, by name and in order.
        keep_source: whether to write what the PDF is typeset from, too: ``source/report.typ`` with the pictures, and
            the discussions as texts to rewrite.
        notebook: whether to write the report as ``report.ipynb``, too, whose cells draw its figures anew.
        progress: told which parts are cached, about how long the others take, and when each begins.
        shared: what this exam shares with others; see :func:`snellen.exam.many.run_exams`.

    Raises:
        InputError: another run is writing to ``out``, or it holds files that no run made and this one would replace, or
            a notebook or a source of the report that was changed since an exam wrote it, or it is the folder of a
            class, or lies among the photographs, or they lie among what an earlier exam made there; or the
            configuration names a part that there is not, or one without its number of photographs, a text or a training
            run that cannot be read.
        SnellenError: no model, no readable photograph, or the folder cannot be written.
    """
    check_parts(config.parts, parts)
    check_numbers(config, parts)
    sets = (*config.dataset, *config.evaluate, config.trained.dataset)
    check_output(out, [*config.photographs, *sets])
    check_no_class(Path(out))
    check_own_words(config)
    config = first_look(config, parts) if config.quick else config
    if "training" in asked_parts(config, parts):
        _check_training_runs(config)
    shared = shared or Shared()
    with Run(Path(out)) as run:
        check_unchanged(run.path)
        check_copies(run.path, [*expand(config.photographs), *sets])
        context, unreadable = _context_of(config, run.path, shared)
        for note in context.classifier.notes:
            progress.note(f"{context.classifier.name}: {note}")
        for line in unreadable:
            progress.note(line)
        earlier = extras(run.path)
        set_contents_aside(run.path)
        finished = _finished_parts(asked_parts(config, parts), context, parts, progress, shared)
        report = compose(config, context, finished, parts)
        for note in notes_on_own_words(config, {one.name: one.discussions for one in finished}, report.sections):
            progress.note(note)
        if remark := write_pdf(report, run.path / "report.pdf"):
            progress.note(f"report.pdf: {remark}")
        write_pdf(first_page(report), run.path / "summary.pdf")
        write_html(report, run.path / "report.html")
        for name in (name for name, asked in ((SOURCE, keep_source), (NOTEBOOK, notebook)) if not asked):
            if name in earlier:
                progress.note(f"{name}: written again, as an earlier exam was asked for it")
        remove_extras(run.path)
        if keep_source or SOURCE in earlier:
            write_source(report, run.path / SOURCE)
        if notebook or NOTEBOOK in earlier:
            said = settings(config, context.provenance, run.path)
            write_notebook(report, said, setup(config, run.path), code_of(context, parts), run.path / NOTEBOOK)
        write_contents(run.path, context.photographs, [one.name for one in finished if one.failure is None])
        run.write_manifest(context.provenance)
    shared.add(run.path)
    return ExamResult(
        report=run.path / "report.pdf",
        page=run.path / "report.html",
        summary=run.path / "summary.pdf",
        findings=tuple((one.part.title, text) for one in finished if (text := one.cached.answer.in_short)),
        unreadable=unreadable,
        failed=tuple(f"part {one.name}: {one.failure}" for one in finished if one.failure is not None),
        photographs=tuple(photograph_names(context.photographs).values()),
        facts=tuple((one.part.title, tuple(one.cached.answer.facts)) for one in finished if one.failure is None),
        provenance=context.provenance,
        target=context.classifier.labels[context.target],
    )


def _check_training_runs(config: ExamConfig) -> None:
    """Refuse, before anything is examined, a run of the configuration that cannot be read."""
    for folder in config.training_runs:
        try:
            read_results(folder)
        except InputError as error:
            raise InputError(f"training_runs: {error.message}", error.hint) from error


def _context_of(config: ExamConfig, out: Path, shared: Shared) -> tuple[Context, tuple[str, ...]]:
    """What all parts are given, and a line for each photograph that cannot be read."""
    classifier = shared.classifier(config)
    chosen = choose_photographs(config, classifier)
    provenance = classifier.provenance(
        fingerprint("".join(content for _, content in fingerprints(chosen.paths))), seed=config.seed
    )
    context = Context(
        classifier=classifier,
        photographs=chosen.paths,
        expected=[None if shown is None else classifier.labels[shown] for shown in chosen.classes],
        chosen=chosen.rule,
        said_by=chosen.said_by,
        credits=chosen.credits,
        objects=chosen.objects,
        provenance=provenance,
        target=target_class(config, classifier, chosen.classes),
        epsilon=config.epsilon,
        datasets=config.dataset,
        origins=config.origins,
        training=config.trained.dataset,
        epochs=config.trained.epochs,
        features=config.features,
        probe=config.probe,
        attack=config.attack,
        homework=config.checklist,
        training_runs=config.training_runs,
        folder=out,
        seed=config.seed,
        evaluate=config.evaluate,
        mapping=config.mapping,
        corruptions=config.corruptions,
        robust_accuracy=config.robust_accuracy,
    )
    return context, chosen.unreadable


def _finished_parts(
    names: Sequence[str], context: Context, parts: Mapping[str, Part], progress: Progress, shared: Shared
) -> list[FinishedPart]:
    """The parts of these names with their answers, those that are not cached taken now."""
    cached = {name: answer for name in names if (answer := _cached(name, context, parts, shared)) is not None}
    if len(cached) < len(names):
        for name in cached:
            progress.note(f"{parts[name].title}: cached, nothing that decides it has changed")
        missing = [name for name in names if name not in cached]
        guessed = _expected(missing, cached, context, parts)
        expected = {name: seconds * shared.pace(name) for name, seconds in guessed.items()}
        progress.note(f"The exam takes about {_duration(sum(expected.values()))}.")
        started, before = time.monotonic(), 0.0
        for name in missing:
            progress.begin(parts[name].title)
            cached[name] = _answer_or_failure(name, context, parts)
            shared.took(name, cached[name].seconds, guessed[name])
            before += expected.pop(name)
            left = sum(expected.values()) * _pace(time.monotonic() - started, before)
            if left >= _WORTH_SAYING:
                progress.note(f"About {_duration(left)} are left.")
    return [FinishedPart(name, parts[name], cached[name]) for name in names]


def _cached(name: str, context: Context, parts: Mapping[str, Part], shared: Shared) -> CachedAnswer | None:
    """The part's answer, where the run folder or another exam has it and nothing that decides it has changed."""
    cached = load_cached(name, context.folder)
    try:
        key = cache_key(name, context, parts)
        return cached if cached is not None and cached.cache_key == key else shared.bring(name, key, context.folder)
    except (SnellenError, OSError):
        # Inputs that cannot be read are the part's to complain of.
        return None


def _expected(
    missing: Sequence[str], cached: Mapping[str, CachedAnswer], context: Context, parts: Mapping[str, Part]
) -> dict[str, float]:
    """Seconds that each missing part will take, roughly, with those of the parts that it is the first to need."""
    of_pass = _seconds_of_pass(context.classifier)
    counted = set(cached)
    expected: dict[str, float] = {}
    for name in missing:
        expected[name] = 0.0
        for one in (*parts[name].needs, name):
            if one in counted:
                continue
            counted.add(one)
            expected[name] += _OVERHEAD
            # A data set that cannot be opened takes no time.
            with contextlib.suppress(SnellenError):
                expected[name] += parts[one].seconds(context, of_pass)
    return expected


def _pace(taken: float, expected: float) -> float:
    """What the rest will take over what is expected of it, by the parts so far; they are another kind of work."""
    return min(max(taken / expected, 0.5), 2.0) if expected else 1.0


def _seconds_of_pass(classifier: Classifier) -> float:
    """Seconds that the network takes for one photograph; the first pass, which warms up, is not counted."""
    inputs = torch.zeros(1, 3, *classifier.preprocessing.size)
    times = []
    for _ in range(3):
        started = time.perf_counter()
        with torch.inference_mode():
            classifier.logits_from_inputs(inputs)
        times.append(time.perf_counter() - started)
    return min(times[1:])


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} seconds" if seconds < 90 else f"{seconds / 60:.0f} minutes"


def _answer_or_failure(name: str, context: Context, parts: Mapping[str, Part]) -> CachedAnswer:
    try:
        return _take(name, context, parts)
    except Exception as error:
        # Whatever went wrong in one part, the others are still to be examined and reported.
        reason = str(error) if isinstance(error, SnellenError) else f"{type(error).__name__}: {error}"
        return CachedAnswer(Answer("failed", (), (Failed(reason),)), "", "", 0.0)


def _take(name: str, context: Context, parts: Mapping[str, Part]) -> CachedAnswer:
    """Take one part, and cache its answer; an earlier one is gone, whatever becomes of this."""
    started = time.monotonic()
    earlier = load_cached(name, context.folder)
    remove_cached(name, context.folder)
    folder = context.folder / name
    sweep_below(folder)
    # Before the part runs: an input that changes meanwhile is not what the answer was found on.
    key = cache_key(name, context, parts)
    needed = {need: context.folder / need for need in parts[name].needs}
    answer = parts[name].run(dataclasses.replace(context, folder=folder, needed=needed))
    made = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
    cached = CachedAnswer(answer, key, made, round(time.monotonic() - started, 1))
    kept = save_cached(cached, name, context.folder)
    if earlier is not None:
        remove_pictures(earlier, kept, name, context.folder)
    return kept
