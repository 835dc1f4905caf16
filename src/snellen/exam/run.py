"""Runs the exam: each part in its own folder, then the report; a part that fails does not stop the rest."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from snellen.classifier import Classifier, load
from snellen.errors import ImageError, InputError, SnellenError
from snellen.exam.config import ExamConfig
from snellen.exam.context import Context
from snellen.exam.document import Failed, Listing, Report, Section
from snellen.exam.parts import PARTS
from snellen.exam.typeset import write_pdf
from snellen.images import expand, read_image
from snellen.photographs import embedded_photographs
from snellen.runs import Provenance, Run, fingerprint


@dataclass(frozen=True)
class ExamResult:
    """Where the report is, and what went wrong on the way.

    Attributes:
        report: the PDF.
        unreadable: one line for each photograph that could not be read.
        failed: one line for each part that failed.
    """

    report: Path
    unreadable: tuple[str, ...]
    failed: tuple[str, ...]


def run_exam(config: ExamConfig, out: Path, started: Callable[[str], None] = lambda _: None) -> ExamResult:
    """Take the exam and write ``report.pdf``, the parts' results and ``manifest.json`` below ``out``.

    Args:
        config: what to examine.
        out: the run folder.
        started: called with the name of each part as it begins.

    Raises:
        SnellenError: no model, no readable photograph, or the folder cannot be written.
    """
    run = Run(out)
    photographs, expected, unreadable = _readable_photographs(config)
    data = fingerprint("".join(fingerprint(Path(photograph).read_bytes()) for photograph in photographs))
    classifier = load(config.model, architecture=config.architecture, device=config.device)
    provenance = Provenance.collect(
        model=classifier.name,
        weights=classifier.digest,
        data=data,
        seed=config.seed,
        device=str(classifier.device),
    )
    names = config.parts or tuple(PARTS)
    sections: list[Section] = []
    failed: list[str] = []
    for name in names:
        started(name)
        part = PARTS[name]
        context = Context(
            classifier=classifier,
            photographs=photographs,
            expected=expected,
            provenance=provenance,
            dataset=config.dataset,
            training=config.training,
            training_runs=config.training_runs,
            folder=out / name,
            seed=config.seed,
        )
        try:
            blocks = part.run(context)
        except Exception as error:
            # Whatever went wrong in one part, the others are still to be examined and reported.
            reason = str(error) if isinstance(error, SnellenError) else f"{type(error).__name__}: {error}"
            failed.append(f"part {name}: {reason}")
            blocks = (Failed(reason),)
        sections.append(Section(part.title, part.assignment, blocks))
    report = out / "report.pdf"
    write_pdf(_report(config, classifier, photographs, names, sections, provenance), report)
    run.write_manifest(provenance)
    return ExamResult(report, tuple(unreadable), tuple(failed))


def _readable_photographs(config: ExamConfig) -> tuple[list[str], list[str | None], list[str]]:
    """Paths, the labels a person chose for them, and a line for each photograph that cannot be read."""
    if not config.photographs:
        embedded = embedded_photographs()
        return [str(p.path) for p in embedded], [p.label for p in embedded], []
    readable: list[str] = []
    failures: list[str] = []
    for source in expand(config.photographs):
        try:
            read_image(Path(source))
        except ImageError as error:
            failures.append(str(error))
        else:
            readable.append(source)
    if not readable:
        raise InputError(f"no photograph can be read: {failures[0]}")
    return readable, [None] * len(readable), failures


def _report(
    config: ExamConfig,
    classifier: Classifier,
    photographs: Sequence[str],
    names: Sequence[str],
    sections: Sequence[Section],
    provenance: Provenance,
) -> Report:
    credited = {str(p.path): f"{p.path.name} ({p.credit})" for p in embedded_photographs()}
    parts = [PARTS[name] for name in names]
    modules = dict.fromkeys(module for part in parts for module in part.sources)
    return Report(
        title=config.title,
        author=config.author,
        collaborators=config.collaborators,
        summary=(
            ("Model", f"{classifier.name} ({classifier.source})"),
            ("Preprocessing", classifier.preprocessing.describe()),
            ("Photographs", "; ".join(credited.get(p, Path(p).name) for p in photographs)),
        ),
        sections=sections,
        references=tuple(dict.fromkeys(reference for part in parts for reference in part.references)),
        listings=[_listing(module) for module in modules],
        provenance=(
            ("Command", provenance.command),
            ("Model", provenance.model),
            ("Weights (SHA-256)", provenance.weights),
            ("Photographs (fingerprint)", provenance.data),
            ("Seed", str(provenance.seed)),
            ("Hardware", f"{provenance.hardware}; network on {provenance.device}"),
            ("Versions", ", ".join(f"{name} {number}" for name, number in provenance.versions.items())),
        ),
        paper=config.paper,
    )


def _listing(module: str) -> Listing:
    spec = importlib.util.find_spec(module)
    if spec is None or spec.origin is None:
        raise SnellenError(f"{module}: its source is not installed")
    return Listing(module, Path(spec.origin).read_text(encoding="utf-8"))
