"""Image classifiers of Hugging Face's transformers: repositories of the hub, and folders, that it saved.

The library builds the network and loads the weights. What it is given is looked at first: only kinds that it knows as
image classifiers, only numbers within bounds, safetensors only; and of a folder only three files, so that nothing else
in it (adapters, code) is ever seen. Its image processor is put into our words, and tried beside ours on one image: a
processor that does anything else is refused.
"""

from __future__ import annotations

import contextlib
import importlib.util
import math
import re
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

import snellen._torchvision  # noqa: F401  # before transformers
from snellen.data.labels import Labels, checked_labels, described_labels
from snellen.data.preprocessing import (
    LARGEST_INPUT,
    CropMode,
    Interpolation,
    Preprocessing,
    PreprocessingConfig,
    crop_fraction_of,
)
from snellen.errors import InputError, ModelError, shown
from snellen.models.pretrained import Found
from snellen.models.repository import CONFIG, Repository
from snellen.models.safetensors import file_digest, read_header, read_safetensors
from snellen.models.uninitialised import Uninitialised

_WEIGHTS, _PROCESSOR = "model.safetensors", "preprocessor_config.json"
# They take other things than an image, or go the way of another library.
_NOT_OURS = {"timm_wrapper", "perceiver", "imagegpt", "shieldgemma2", "siglip2"}
_OF_DEPTH = re.compile("layer|depth|block|stage|group")
_WIDEST, _DEEPEST = 1 << 20, 20
_COMPUTED = 1 << 24
"""Numbers that a network may hold beside those of its file: places in windows, and what the library makes itself."""
_INTERPOLATIONS: Mapping[int, Interpolation] = {1: "lanczos", 2: "bilinear", 3: "bicubic"}
_NO_CROP_FROM = 384
"""ConvNeXt's processor crops inputs smaller than this, and squashes larger ones."""
_LEVELS = 3
"""Of 255, by which two ways of one resize may differ: they round differently."""


class TransformersNetwork(nn.Module):
    """A transformers classifier as a plain network: from normalised inputs (N, 3, h, w) to logits (N, K)."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, inputs: Tensor) -> Tensor:
        """Logits (N, K)."""
        logits: Tensor = self.model(pixel_values=inputs).logits
        return logits


def is_transformers_config(plain: Mapping[str, Any]) -> bool:
    """Whether a ``config.json`` is one of transformers'."""
    return "model_type" in plain and "architecture" not in plain


def from_transformers(name: str, repository: Repository, plain: Mapping[str, Any]) -> Found:
    """The image classifier that transformers saved; see :func:`snellen.models.resolve.resolve`."""
    if importlib.util.find_spec("transformers") is None:
        raise ModelError(f"{name}: needs transformers, which is not installed", "pip install 'snellen[transformers]'")
    kind = _class_of(name, plain)
    weights = repository.file(_WEIGHTS)
    header = read_header(weights)
    _check_numbers(name, plain, len(header.shapes))
    read_safetensors(weights)
    with tempfile.TemporaryDirectory(prefix="snellen-") as folder:
        for file, path in ((CONFIG, repository.file(CONFIG)), (_WEIGHTS, weights)):
            (Path(folder) / file).symlink_to(path.resolve())
        processor_file = _optional(repository, _PROCESSOR)
        if processor_file is not None:
            (Path(folder) / _PROCESSOR).symlink_to(processor_file.resolve())
        with _quiet():
            _check_size(name, kind, folder, sum(map(math.prod, header.shapes.values())))
            model = _load(name, kind, folder)
            preprocessing = PreprocessingConfig() if processor_file is None else _preprocessing(name, folder)
    return Found(
        TransformersNetwork(model),
        int(cast("Any", model).config.num_labels),
        _labels(name, plain),
        preprocessing,
        file_digest(weights),
        f"transformers, {repository.title}",
    )


def _optional(repository: Repository, file: str) -> Path | None:
    try:
        return repository.file(file)
    except ModelError:
        return None


def _class_of(name: str, plain: Mapping[str, Any]) -> Any:
    """The library's class for a configuration; only a class that it lists as an image classifier."""
    import transformers
    from transformers.models.auto import modeling_auto

    known: Mapping[str, str | tuple[str, ...]] = modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    kind, architectures = plain.get("model_type"), plain.get("architectures")
    if not isinstance(kind, str) or kind not in known or kind in _NOT_OURS:
        raise ModelError(
            f"{name}: its model_type is {shown(kind)}, no image classifier of transformers", "such as vit or resnet"
        )
    named = known[kind]
    classes = [named] if isinstance(named, str) else list(named)
    wanted = architectures[0] if isinstance(architectures, list) and architectures else classes[0]
    if wanted not in classes:
        raise ModelError(f"{name}: holds {shown(wanted)}, which does not classify", " or ".join(classes))
    for key in ("quantization_config", "backbone", "backbone_config"):
        if plain.get(key) is not None:
            raise ModelError(f"{name}: its config.json has a {key}", "one without: it would load something else")
    return getattr(transformers, wanted)


def _check_numbers(name: str, value: Any, tensors: int, key: str = "", depth: int = 0) -> None:
    """Refuse numbers that no network with so many tensors has, before anything is made of them."""
    if depth > _DEEPEST:
        raise ModelError(f"{name}: its config.json is nested deeply", f"at most {_DEEPEST} levels")
    if isinstance(value, Mapping):
        for inner, item in value.items():
            _check_numbers(name, item, tensors, str(inner), depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_numbers(name, item, tensors, key, depth + 1)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        most = LARGEST_INPUT if key == "image_size" else tensors if _OF_DEPTH.search(key) else _WIDEST
        if not -_WIDEST <= value <= max(most, 1):
            raise ModelError(f"{name}: its config.json's {shown(key)} is {shown(value)}", f"at most {most:,}")


def _check_size(name: str, kind: Any, folder: str, numbers: int) -> None:
    """Refuse a network larger than its file: the library allocates and draws what is missing before it says so."""
    try:
        with torch.device("meta"), Uninitialised():
            network = kind(kind.config_class.from_pretrained(folder, local_files_only=True))
    except Exception as error:
        raise _not_loaded(name, error) from error
    needed = sum(tensor.numel() for tensor in (*network.parameters(), *network.buffers()))
    if needed > numbers + _COMPUTED:
        raise ModelError(f"{name}: its weights do not fit {kind.__name__}: {numbers:,} numbers, expected {needed:,}")


def _load(name: str, kind: Any, folder: str) -> nn.Module:
    try:
        model, info = kind.from_pretrained(
            folder,
            local_files_only=True,
            trust_remote_code=False,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:
        raise _not_loaded(name, error) from error
    for what in ("missing_keys", "mismatched_keys"):
        if info.get(what):
            first = shown(sorted(map(str, info[what]))[0])
            raise ModelError(f"{name}: its weights do not fit {kind.__name__}: {what.replace('_', ' ')}: {first}")
    network: nn.Module = model
    return network


def _not_loaded(name: str, error: Exception) -> ModelError:
    """The library raises whatever an odd configuration provokes."""
    reason = " ".join(str(error).split())[:200] or type(error).__name__
    return ModelError(f"{name}: transformers cannot load it: {reason}")


def _preprocessing(name: str, folder: str) -> PreprocessingConfig:
    """The library's image processor in our words.

    Raises:
        ModelError: it does something that these words do not say.
    """
    from transformers import AutoImageProcessor

    try:
        processor = AutoImageProcessor.from_pretrained(
            folder, backend="pil", local_files_only=True, trust_remote_code=False
        )
        config = _words_of(processor)
        if config is not None:
            _check_same(processor, config.complete())
            return config
        reason = "no fixed size, or a filter that is not known here"
    except Exception as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    raise ModelError(
        f"{name}: its {_PROCESSOR} cannot be followed: {reason}",
        "give `mean`, `std`, `size`, `crop` and `interpolation`",
    )


def _words_of(processor: Any) -> PreprocessingConfig | None:
    """What a processor's attributes say; None where that is no resize to a fixed size."""
    size = _sides(processor.size)
    interpolation = _INTERPOLATIONS.get(int(processor.resample)) if processor.resample is not None else None
    if not processor.do_resize or interpolation is None:
        return None
    shorter = size.get("shortest_edge")
    crop = getattr(processor, "crop_pct", None)
    mode: CropMode = "center"
    if crop is not None and shorter is not None:
        if shorter < _NO_CROP_FROM:
            sides, resized = (shorter, shorter), int(shorter / crop)
        else:
            sides, resized, mode = (shorter, shorter), shorter, "squash"
    elif processor.do_center_crop:
        cropped = _sides(processor.crop_size)
        sides = cropped["height"], cropped["width"]
        resized = shorter if shorter is not None else size["height"]
        mode = "center" if shorter is not None else "squash"
    elif "height" in size:
        sides, resized, mode = (size["height"], size["width"]), size["height"], "squash"
    else:
        return None
    scale = 255 * processor.rescale_factor if processor.do_rescale else 255.0
    mean, std = (processor.image_mean, processor.image_std) if processor.do_normalize else ((0.0,) * 3, (1.0,) * 3)
    return PreprocessingConfig(
        size=sides,
        crop=crop_fraction_of(sides[0], resized),
        interpolation=interpolation,
        mean=_three(mean, scale),
        std=_three(std, scale),
        crop_mode=mode,
    )


def _sides(size: Any) -> dict[str, int]:
    names = ("shortest_edge", "height", "width")
    values = {name: size.get(name) if isinstance(size, Mapping) else getattr(size, name, None) for name in names}
    return {name: int(value) for name, value in values.items() if value is not None}


def _three(values: Any, scale: float) -> tuple[float, float, float]:
    each = values if isinstance(values, list | tuple) else (values,) * 3
    # 255 times a stored 1/255 is not quite one.
    red, green, blue = (float(value) / (1.0 if math.isclose(scale, 1) else scale) for value in each)
    return red, green, blue


def _check_same(processor: Any, preprocessing: Preprocessing) -> None:
    """Refuse words that do not do to an image what the processor does."""
    generator = np.random.default_rng(0)
    image = Image.fromarray(generator.integers(0, 256, (151, 211, 3), dtype=np.uint8)).resize((633, 453))
    theirs = torch.as_tensor(np.asarray(processor(images=image, return_tensors="np")["pixel_values"][0]))
    ours = preprocessing.normalise(
        torch.from_numpy(preprocessing.preprocess_image(image)).permute(2, 0, 1)[None].float().div(255)
    )[0]
    if theirs.shape != ours.shape:
        raise InputError(f"gives {tuple(theirs.shape)}, understood as {tuple(ours.shape)}")
    levels = (theirs - ours).abs() * torch.tensor(preprocessing.std).view(3, 1, 1) * 255
    if levels.max() > _LEVELS:
        raise InputError("does more than to resize, crop and normalise")


def _labels(name: str, plain: Mapping[str, Any]) -> Labels | None:
    """The names of the classes; None where the configuration has only numbers for them."""
    by_index = plain.get("id2label")
    if by_index is None:
        return None
    try:
        names = [by_index[str(index)] for index in range(len(by_index))]
    except (KeyError, TypeError) as error:
        raise ModelError(f"{name}: its id2label does not number its classes", "0, 1, 2, ...") from error
    if all(isinstance(one, str) and re.fullmatch("LABEL_[0-9]+", one) for one in names):
        return None
    if all(isinstance(one, str) for one in names):
        return described_labels(names)
    return checked_labels(name, names)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the library's progress bars and advice from standard error; its settings are as found afterwards."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
