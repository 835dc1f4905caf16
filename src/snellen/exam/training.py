"""The exam's training from scratch: the assignment's two networks and our own, beside each other."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from snellen.datasets import DIGITS
from snellen.errors import SnellenError
from snellen.exam.context import Context
from snellen.exam.document import Block, Heading, Paragraph, Picture, Points, Table
from snellen.figures import save_figure
from snellen.runs import write_json
from snellen.training.discussion import ABOUT_NETWORKS, compare, describe_recipe, discuss, table, where
from snellen.training.figures import draw_curves
from snellen.training.recipe import RECIPES, Recipe, read_recipe
from snellen.training.report import CONFUSION, FILTERS
from snellen.training.results import TrainingResult, read_results, seed_folder
from snellen.training.trainer import train

REFERENCES = (
    "Alex Krizhevsky. Learning Multiple Layers of Features from Tiny Images. 2009.",
    "Kaiming He et al. Delving Deep into Rectifiers. ICCV 2015. arXiv 1502.01852.",
    "Sergey Ioffe and Christian Szegedy. Batch Normalization. ICML 2015. arXiv 1502.03167.",
    "Keller Jordan. 94% on CIFAR-10 in 3.29 Seconds on a Single GPU. 2024. arXiv 2404.00498.",
    "Keller Jordan et al. Muon: An optimizer for hidden layers in neural networks. 2024. kellerjordan.github.io.",
    "Edwin B. Wilson. Probable Inference, the Law of Succession, and Statistical Inference. JASA 22, 1927.",
)
# The digits are a hundredth of CIFAR-10, of 8 x 8 pixels: in the recipes' own batches they would make three steps
# an epoch.
_EPOCHS_OF_DIGITS, _BATCH_OF_DIGITS, _SIZE_OF_DIGITS = 8, 32, 16


def run(context: Context) -> Sequence[Block]:
    """Train the three networks, or read their runs; draw their curves in one figure, and their filters."""
    runs = [(Path(folder), read_results(Path(folder))) for folder in context.training_runs] or _train(context)
    results = [result for _, of_run in runs for result in of_run]
    write_json(context.folder / "result.json", {"results": results})
    curves = context.folder / "curves.png"
    save_figure(draw_curves(results), curves)
    columns, rows = table([of_run for _, of_run in runs])
    blocks: list[Block] = [
        Paragraph(_images(results[0], stands_in=results[0].dataset == DIGITS)),
        Table(columns, rows, f"Test accuracy, looked at once, after the last epoch. {where(results[0])}"),
        Picture(
            curves,
            "Training loss, accuracy (line: augmented training images; diamond: test images, with the 95% interval) "
            "and learning rate against epochs.",
        ),
        Points(compare(results)),
    ]
    for folder, of_run in runs:
        blocks += _one(folder, of_run[0], len(of_run))
    return tuple(blocks)


def _train(context: Context) -> list[tuple[Path, list[TrainingResult]]]:
    runs = []
    for name in RECIPES:
        recipe = _fitting(read_recipe(name), context.training)
        folder = context.folder / name
        device = str(context.classifier.device)
        trained = train(context.training, recipe, out=folder, seed=context.seed, resume=True, device=device)
        runs.append((folder, [trained.result]))
    return runs


def _fitting(recipe: Recipe, dataset: str) -> Recipe:
    if dataset != DIGITS:
        return recipe
    return dataclasses.replace(recipe, epochs=_EPOCHS_OF_DIGITS, batch=_BATCH_OF_DIGITS, size=_SIZE_OF_DIGITS)


def _images(result: TrainingResult, stands_in: bool) -> str:
    counts = (
        f"{result.train_images:,} images to learn from, {result.test_images:,} to test, {len(result.labels)} classes."
    )
    if not stands_in:
        return f"The images are {result.dataset}: {counts} {result.how}"
    return (
        "The assignment asks for CIFAR-10. No run on it was named (training_runs) and it was not asked for "
        f"(training), so a tiny set stands in, and the recipes are cut to {_EPOCHS_OF_DIGITS} epochs in batches of "
        f"{_BATCH_OF_DIGITS} on images of {_SIZE_OF_DIGITS} x {_SIZE_OF_DIGITS}: what follows shows the method, not "
        f"the assignment's numbers. {result.about} {counts}"
    )


def _one(folder: Path, result: TrainingResult, seeds: int) -> list[Block]:
    """The section of one network, with the pictures of its first seed."""
    pictured = folder / seed_folder(result.seed) if seeds > 1 else folder
    name = result.recipe.network
    blocks: list[Block] = [
        Heading(name),
        Paragraph(f"{ABOUT_NETWORKS.get(name, '')} {describe_recipe(result.recipe)}".strip()),
        Points(discuss(result)),
    ]
    if (pictured / FILTERS).is_file():
        blocks.append(Picture(pictured / FILTERS, _filters_caption(result)))
    if not (pictured / CONFUSION).is_file():
        raise SnellenError(f"{pictured}: has no {CONFUSION}", "the whole folder that `snellen train` made")
    blocks.append(Picture(pictured / CONFUSION, "Which class (rows) is given which name (columns).", 0.6))
    return blocks


def _filters_caption(result: TrainingResult) -> str:
    assert result.first_layer is not None  # there is a picture of them
    count, _, height, width = result.first_layer
    return (
        f"The {count} first-layer filters of {height} x {width}, 16 in a row, each stretched by itself: less its "
        "smallest value, over its new largest."
    )
