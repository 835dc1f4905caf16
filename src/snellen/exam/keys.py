"""The keys of an exam's configuration, each with its meaning, its default and an example."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from snellen.exam.config import ExamConfig
from snellen.runs.described import keys_of

EXAMPLES: Mapping[str, str] = {
    "title": '"The eyes of my network"',
    "author": '"Ada Lovelace"',
    "collaborators": '["Charles Babbage"]',
    "model": '"digits.safetensors"',
    "architecture": '"resnet18"',
    "model_labels": '"labels.txt"',
    "preprocessing": "{ mean = 0.5, std = 0.5, size = 64 }",
    "train_size": "true",
    "device": '"cpu"',
    "photographs": '["peppers.jpg", "my-folder", "more/*.png"]',
    "labels": '{ "peppers.jpg" = "bell pepper", "my-folder/dog.jpg" = "beagle" }',
    "credits": '{ "peppers.jpg" = "Ada Lovelace, CC BY 4.0" }',
    "objects": '{ "peppers.jpg" = [60, 20, 280, 180] }',
    "sample": "4",
    "sure": "0.5",
    "student": '"Ada"',
    "target": '"random"',
    "epsilon": '"2/255"',
    "dataset": '["pets", "timm/oxford-iiit-pet"]',
    "origins": '{ "my-pets" = "Seven breeds of Oxford-IIIT Pet, with its own splits." }',
    "evaluate": '["my-labelled-photographs"]',
    "corruptions": "50",
    "robust_accuracy": "50",
    "mapping": '"classes.csv"',
    "training": '{ dataset = "cifar-10", epochs = 4 }',
    "training_runs": '["runs/plain", "runs/batchnorm", "runs/deep"]',
    "features": '{ layers = ["blocks.2"], channels = [0, 5, 9] }',
    "probe": '{ classifier = "svm" }',
    "attack": '{ method = "apgd", robust = true }',
    "parts": '["categories", "attack"]',
    "seed": "1",
    "paper": '"us-letter"',
    "checklist": "false",
    "appendix": '"none"',
    "references": '{ "chen" = "Ada Chen. What cats look like. 2025." }',
    "discussion": '{ "attack" = "my-words.txt", "training-2" = "more.txt" }',
    "quick": "true",
}
"""A value of each key, as TOML."""


def keys_text() -> str:
    """Every key: its default, its meaning, and an example, as lines of text."""
    blocks = []
    for key in keys_of(ExamConfig):
        meaning = key.meaning[:1].upper() + key.meaning[1:]
        about = textwrap.fill(meaning.replace("`", ""), 96, initial_indent="    ", subsequent_indent="    ")
        head = f"{key.name}  (default: {key.default})"
        blocks.append(f"{head}\n{about}\n    such as: {key.name} = {EXAMPLES[key.name]}\n")
    return "\n".join(blocks)
