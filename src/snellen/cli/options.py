"""The options that several commands share, declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# As snellen.models.resolve.DEFAULT_MODEL, which cannot be imported here: help must answer without PyTorch.
DEFAULT_MODEL = "tf_efficientnet_lite0"

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
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for the results.", file_okay=False)]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV.")]
Dataset = Annotated[
    str,
    typer.Argument(
        help="Folder of class folders, archive, published data set, table and images, .parquet, hub id, or digits.",
        metavar="DATASET",
    ),
]
Label = Annotated[
    str | None, typer.Option("--label", help="The column of labels, where a table of the data set has several.")
]
Group = Annotated[
    str | None,
    typer.Option(
        "--group",
        help="What stays on one side of a split that is drawn: a column, or a regular expression in the images' names.",
    ),
]
Size = Annotated[int | None, typer.Option("--size", help="Side of the square input in pixels; the model's own if not.")]
Mirrored = Annotated[bool, typer.Option("--mirrored", help="Average the features over each photograph's mirror image.")]
Precision = Annotated[str, typer.Option("--precision", help="float32, or bfloat16: faster, not quite the same.")]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.")]
Probe = Annotated[
    Path | None, typer.Option("--probe", help="In place of a model: a folder that snellen probe --out wrote.")
]
