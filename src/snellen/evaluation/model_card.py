"""A model card: the numbers of an evaluation as the ``README.md`` that the hub reads beside the weights."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import EvalResult, ModelCardData

from snellen.evaluation.discussion import discuss
from snellen.evaluation.evaluate import EvaluationResult
from snellen.prose import as_markdown, code_span


def model_card(result: EvaluationResult) -> str:
    """The card as Markdown: the hub's metadata, then the numbers with their intervals and what they do not prove."""
    mean, scores = result.mean_per_class, result.calibration.scores
    rows = [("accuracy (top-1)", str(result.accuracy))]
    if result.top5 is not None:
        rows.append(("top-5 accuracy", str(result.top5)))
    rows += [
        (f"mean over {len(result.per_class)} classes", str(mean)),
        ("expected calibration error", str(scores.calibration_error)),
        ("Brier score", str(scores.brier)),
        ("negative log-likelihood", str(scores.log_loss)),
    ]
    title, dataset = _title(result.model), _title(result.dataset)
    name, data = as_markdown(title), as_markdown(dataset)
    table = "\n".join(f"| {measure} | {value} |" for measure, value in rows)
    paragraphs = "\n\n".join(map(as_markdown, discuss(result)))
    made = result.provenance
    return (
        f"---\n{_metadata(result, title, dataset)}\n---\n\n# {name}\n\n"
        f"An image classifier of {result.classes:,} classes. {result.preprocessing.describe()}\n\n"
        f"## How well it does its job\n\nOn {data}, {result.n:,} photographs. {as_markdown(result.splits)}\n\n"
        f"| measure | value |\n| --- | --- |\n{table}\n\n{paragraphs}\n\n"
        f"## How this was made\n\n"
        f"- Command: {code_span(made.command)}\n"
        f"- Weights (SHA-256): `{made.weights}`\n- Data (fingerprint): `{made.data}`\n"
        f"- Seed: {made.seed}\n- Hardware: {made.hardware}\n- Snellen {made.versions.get('snellen', '')}, PyTorch "
        f"{made.versions.get('torch', '')}\n"
    )


def _metadata(result: EvaluationResult, name: str, data: str) -> str:
    values = {"accuracy": result.accuracy.share}
    if result.top5 is not None:
        values["top_5_accuracy"] = result.top5.share
    values["expected_calibration_error"] = result.calibration.scores.calibration_error.value
    results = [
        EvalResult(
            task_type="image-classification",
            dataset_type=data,
            dataset_name=data,
            metric_type=metric,
            metric_value=round(value, 5),
        )
        for metric, value in values.items()
    ]
    card = ModelCardData(
        pipeline_tag="image-classification",
        tags=["image-classification", "snellen"],
        metrics=["accuracy"],
        model_name=name,
        eval_results=results,
    )
    text: str = card.to_yaml()
    return text.strip()


def _title(name: str) -> str:
    """A name without the folders of the machine that it lies on."""
    return Path(name).name if Path(name).exists() else name
