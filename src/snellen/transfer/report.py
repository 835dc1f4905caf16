"""What a probe leaves behind: its weights, its numbers with their discussion, its figures, a manifest."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from snellen.figures import save_figure
from snellen.runs import Run, to_plain, write_json
from snellen.transfer.baselines import PETS_BASELINES, is_pets
from snellen.transfer.discussion import compare_sentence, discuss
from snellen.transfer.figures import draw_comparison, draw_confused, draw_confusion
from snellen.transfer.result import Probed, ProbeResult
from snellen.transfer.saving import describe_probe, save_probe

RESULT = "result.json"
CONFUSION = "confusion.png"
CONFUSED = "confused.png"


def plain(result: ProbeResult) -> dict[str, Any]:
    """A result as plain data, with its discussion and, for pets, the published numbers."""
    published = PETS_BASELINES if is_pets(result.labels) else ()
    values: dict[str, Any] = to_plain(result)
    return values | {"discussion": discuss(result), "published": to_plain(published)}


def save_run(run: Run, probed: Probed) -> list[str]:
    """Write the run folder of one probe; gives the names of its files, the manifest not among them."""
    result = probed.result
    files = save_probe(run.path, probed.probe, describe_probe(probed))
    write_json(run.path / RESULT, plain(result))
    save_figure(draw_confusion(result), run.path / CONFUSION)
    files += [RESULT, CONFUSION]
    confused = draw_confused(probed)
    if confused is not None:
        save_figure(confused, run.path / CONFUSED)
        files.append(CONFUSED)
    run.write_manifest(result.provenance)
    return files


def save_comparison(run: Run, results: Sequence[ProbeResult]) -> None:
    """Write ``comparison.json``, ``comparison.png`` and the manifest of several probes side by side."""
    values = {"results": [plain(result) for result in results], "discussion": compare_sentence(results)}
    write_json(run.path / "comparison.json", values)
    save_figure(draw_comparison(results), run.path / "comparison.png")
    run.write_manifest(results[0].provenance)
