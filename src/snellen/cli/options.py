"""The options that several commands share, declared once."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

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
        help="A bundled, timm or torchvision model, hf-hub:owner/name, a .safetensors file, or a run or folder.",
    ),
]
Architecture = Annotated[
    str | None,
    typer.Option(
        "--architecture",
        help="Of a .safetensors file: a timm or torchvision name, or a program: net.py, or module:function.",
    ),
]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.", callback=_device)]
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
Mirrored = Annotated[bool, typer.Option("--mirrored", help="Average the features over each photograph's mirror image.")]
Precision = Annotated[
    Literal["float32", "bfloat16"],
    typer.Option("--precision", help="bfloat16 is faster, and not quite the same."),
]
PhotoLabels = Annotated[
    Path | None,
    typer.Option(
        "--photo-labels",
        help="What the photographs show: a .csv, .tsv or .jsonl file with columns file_name and label. It counts "
        "before the folders' names.",
    ),
]
Seed = Annotated[int, typer.Option("--seed", help="Of every random choice.", min=0, max=2**32 - 1)]
Probe = Annotated[
    Path | None, typer.Option("--probe", help="In place of a model: a folder that snellen probe --out wrote.")
]


@dataclass(frozen=True)
class Description:
    """What the command line says of a model beyond its name and architecture: what is None is the model's own.

    Attributes:
        labels: file of class names, ``imagenet`` or ``numbered``.
        preprocessing: JSON file, or ``imagenet``.
        mean, std: one number, or three between commas.
        size: side in pixels, or height and width between an x.
        crop: crop size over resized size.
        interpolation: filter of the resize.
        train_size: whether to take the size that a timm model was trained with.
    """

    labels: str | None = None
    preprocessing: str | None = None
    mean: str | None = None
    std: str | None = None
    size: str | None = None
    crop: float | None = None
    interpolation: str | None = None
    train_size: bool = False

    def as_arguments(self) -> dict[str, Any]:
        """As the arguments of :func:`snellen.load`.

        Raises:
            InputError: numbers that are none, or a preprocessing file that cannot be read.
        """
        from snellen.data.preprocessing import PreprocessingConfig
        from snellen.models.classifier import given_preprocessing

        values = {
            "mean": _numbers("mean", self.mean, ",", float),
            "std": _numbers("std", self.std, ",", float),
            "size": _numbers("size", self.size, "x", int),
            "crop": self.crop,
            "interpolation": self.interpolation,
        }
        given = {name: value for name, value in values.items() if value is not None}
        here = PreprocessingConfig.from_plain(given, "options")
        preprocessing = here.over(given_preprocessing(self.preprocessing))
        return {"labels": self.labels, "preprocessing": preprocessing, "train_size": self.train_size}


NOTHING_SAID = Description()

_DESCRIPTION: Mapping[str, Any] = {
    "labels": Annotated[
        str | None,
        typer.Option("--labels", help="Names of the classes: a file of lines or JSON, or imagenet, or numbered."),
    ],
    "preprocessing": Annotated[
        str | None,
        typer.Option("--preprocessing", help="A JSON file of mean, std, size, crop and interpolation; or imagenet."),
    ],
    "mean": Annotated[
        str | None, typer.Option("--mean", help="Of the normalisation, for pixels in [0, 1]: 0.485,0.456,0.406.")
    ],
    "std": Annotated[str | None, typer.Option("--std", help="As --mean: what the difference is divided by.")],
    "size": Annotated[
        str | None, typer.Option("--size", help="Side of the input in pixels, or 96x160 for another height.")
    ],
    "crop": Annotated[float | None, typer.Option("--crop", help="Side of the central crop over the resized side.")],
    "interpolation": Annotated[
        str | None, typer.Option("--interpolation", help="Filter of the resize: bilinear, bicubic or lanczos.")
    ],
    "train_size": Annotated[
        bool,
        typer.Option("--train-size", help="Size and crop of a timm model's training, not of its published accuracy."),
    ],
}


def describes_a_model(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of :class:`Description`, which it gets together as its argument ``described``."""
    signature = inspect.signature(command, eval_str=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    defaults = NOTHING_SAID
    more = [
        inspect.Parameter(name, keyword, default=getattr(defaults, name), annotation=annotation)
        for name, annotation in _DESCRIPTION.items()
    ]
    own = [one.replace(kind=keyword) for one in signature.parameters.values() if one.name != "described"]

    @functools.wraps(command)
    def described(**given: Any) -> None:
        said = {name: given.pop(name) for name in _DESCRIPTION}
        command(**given, described=Description(**said))

    described.__signature__ = signature.replace(parameters=[*own, *more])  # type: ignore[attr-defined]
    described.__annotations__ = {one.name: one.annotation for one in (*own, *more)}
    return described


def _numbers(name: str, text: str | None, between: str, kind: Callable[[str], Any]) -> Any:
    """The number in ``text``, or the numbers; None where there is no text."""
    if text is None:
        return None
    from snellen.errors import InputError, shown

    try:
        numbers = [kind(part) for part in text.split(between)]
    except ValueError as error:
        example = "224 or 96x160" if between == "x" else "0.5 or 0.485,0.456,0.406"
        raise InputError(f"`{name}` is {shown(text)}", example) from error
    return numbers[0] if len(numbers) == 1 else numbers
