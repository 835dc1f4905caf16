"""The options that several commands share, declared once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from snellen.errors import InputError

# As snellen.models.resolve.DEFAULT_MODEL, which cannot be imported here: help must answer without PyTorch.
DEFAULT_MODEL = "tf_efficientnet_lite0"

# The choices below are the library's own, which checks them too; here they are refused before PyTorch is imported.
Engine = Literal["auto", "torch", "openvino"]
ClassifierKind = Literal["logistic", "svm", "ridge"]


def _device(name: str) -> str:
    if not re.fullmatch(r"auto|cpu|mps|cuda(:\d+)?", name):
        raise InputError(f"no device {name!r}", "auto, cpu, cuda, cuda:1 or mps")
    return name


Images = Annotated[
    list[str],
    typer.Argument(help="Photographs: files, folders, patterns, or - for standard input.", metavar="IMAGE..."),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        "-m",
        help="Bundled model, timm name with its tag, hf-hub:owner/name, a .safetensors file, or a trained run.",
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option("--architecture", help="Of a .safetensors file: a timm name, or a .py file."),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.", callback=_device)]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Dataset = Annotated[
    str,
    typer.Argument(
        help="Hub id (timm/oxford-iiit-pet), folder of class folders or parquet files, .parquet file, or digits.",
        metavar="DATASET",
    ),
]
Size = Annotated[
    int | None, typer.Option("--size", help="Side of the square input in pixels; the model's own if not.", min=1)
]
Mirrored = Annotated[bool, typer.Option("--mirrored", help="Average the features over each photograph's mirror image.")]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option("--precision", help="bfloat16 is faster, and not quite the same."),
]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.", min=0, max=2**32 - 1)]
Probe = Annotated[
    Path | None, typer.Option("--probe", help="In place of a model: a folder that snellen probe --out wrote.")
]
