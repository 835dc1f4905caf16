"""timm's models: by name, and repositories of the hub that timm saved."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.hub import fetch
from snellen.data.labels import Labels, checked_labels, described_labels, imagenet_subset, numbered_labels
from snellen.data.preprocessing import (
    LARGEST_INPUT,
    CropMode,
    Interpolation,
    Preprocessing,
    PreprocessingConfig,
)
from snellen.errors import InputError, ModelError, did_you_mean, nearest, shown
from snellen.models.bundled import BUNDLED
from snellen.models.create import made
from snellen.models.pretrained import Found, build
from snellen.models.repository import Repository
from snellen.models.safetensors import file_digest
from snellen.runs.serialise import from_plain

import timm  # isort: skip
from timm.data import infer_imagenet_subset, resolve_data_config  # isort: skip

_WIDEST_EMBEDDING = 2048
"""timm gives the width of an image tower's embedding as its number of classes; none is wider than this."""


def is_classifier(config: Any) -> bool:
    """Whether weights of timm's classify: their number of classes is one of ImageNet's, or too large for a width."""
    return _of_imagenet(config.num_classes) or (config.num_classes or 0) > _WIDEST_EMBEDDING


def _of_imagenet(classes: int | None) -> bool:
    return infer_imagenet_subset({"num_classes": classes}) is not None


def timm_preprocessing(config: Any, *, train_size: bool = False) -> Preprocessing:
    """The preprocessing that timm's accuracy was measured with, or the one that the network was trained with.

    Raises:
        ModelError: it asks for what :class:`~snellen.Preprocessing` does not do.
    """
    plain = config.to_dict()
    return Preprocessing.from_timm(resolve_data_config({}, pretrained_cfg=plain, use_test_size=not train_size))


def from_timm(name: str, *, train_size: bool = False) -> Found:
    """The timm model of that name with its published weights; see :func:`snellen.models.resolve.resolve`."""
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        known = [*BUNDLED, *timm.list_models(), *timm.list_pretrained()]
        hint = did_you_mean(name, known) or "`snellen.list_models()` lists the names"
        raise ModelError(f"no model named {shown(name)}", hint)
    config = timm.get_pretrained_cfg(name, allow_unregistered=False) if _has_pretrained(base, tag) else None
    if config is None:
        tags = [known for known in timm.list_pretrained() if known.partition(".")[0] == base]
        near = nearest(name, tags) or tags[:3]
        hint = f"pretrained: {', '.join(near)}" if near else "timm publishes no pretrained weights of it"
        raise ModelError(f"{name}: no such pretrained weights, and random ones are never used", hint)
    _check_classifies(name, base, config)
    if not config.hf_hub_id:
        raise ModelError(
            f"{name}: its weights are published only as a pickle, which is refused",
            "convert them to .safetensors where you trust them, and give the file and its `architecture`",
        )
    preprocessing = timm_preprocessing(config, train_size=train_size)
    filename = config.hf_hub_filename or "model.safetensors"
    path = fetch(name, config.hf_hub_id, filename if filename.endswith(".safetensors") else "model.safetensors")
    overlay = {"file": str(path), "hf_hub_id": None, "url": None}
    network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    labels, notes = imagenet_subset(config.num_classes), []
    if labels is None:
        labels = numbered_labels(config.num_classes)
        notes.append("timm publishes no names of its classes, so they are numbered")
    notes += settings_notes(config, train_size=train_size)
    source = f"timm hub {config.hf_hub_id}"
    digest = file_digest(path)
    return Found(network, config.num_classes, labels, PreprocessingConfig.of(preprocessing), digest, source, (*notes,))


def settings_notes(config: Any, *, train_size: bool) -> list[str]:
    """A sentence where the sizes or crops of training and of the published accuracy differ; says which is taken."""
    tested, trained = timm_preprocessing(config), timm_preprocessing(config, train_size=True)
    if tested == trained:
        return []
    sizes = ["{} x {} at a crop of {:g}".format(*one.size, one.crop_fraction) for one in (tested, trained)]
    taken = "those of training" if train_size else "those that its published accuracy was measured with"
    return [f"size and crop are {taken}: published with {sizes[0]}, trained with {sizes[1]}"]


def _check_classifies(name: str, base: str, config: Any) -> None:
    if is_classifier(config):
        return
    if not config.num_classes:
        raise ModelError(f"{name}: it has no classes", "a classifier; this network only gives features")
    tuned = [one for one in timm.list_pretrained(f"{base}.*") if _of_imagenet(timm.get_pretrained_cfg(one).num_classes)]
    raise ModelError(
        f"{name}: an image tower without a classifier: its {config.num_classes} outputs are an embedding, not classes",
        f"fine-tuned: {', '.join(tuned[:3])}" if tuned else "a classifier",
    )


def _has_pretrained(base: str, tag: str) -> bool:
    name = f"{base}.{tag}" if tag else base
    return bool(timm.is_model_pretrained(name))


@dataclass(frozen=True)
class HubArguments:
    """The arguments of an architecture that a repository's ``config.json`` may give, each within bounds.

    Any other could name a file to be loaded, or a network too large to be made.
    """

    img_size: int | tuple[int, int] | None = None
    patch_size: int | None = None
    window_size: int | None = None
    embed_dim: int | None = None
    depth: int | None = None
    num_heads: int | None = None
    reg_tokens: int | None = None
    global_pool: str | None = None
    pos_embed: str | None = None
    class_token: bool | None = None
    no_embed_class: bool | None = None
    qk_norm: bool | None = None
    fc_norm: bool | None = None
    dynamic_img_size: bool | None = None
    dynamic_img_pad: bool | None = None
    drop_rate: float | None = None
    drop_path_rate: float | None = None

    def __post_init__(self) -> None:
        for name, most in _MOST.items():
            value = getattr(self, name)
            each = value if isinstance(value, tuple) else () if value is None else (value,)
            if not all(1 <= one <= most for one in each):
                raise InputError(f"{name} is {shown(value)}", f"1 to {most}")
        for name in ("drop_rate", "drop_path_rate"):
            value = getattr(self, name)
            if value is not None and not 0 <= value < 1:
                raise InputError(f"{name} is {shown(value)}", "at least 0 and below 1")

    def given(self) -> dict[str, Any]:
        """The arguments that are given."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value for name, value in values.items() if value is not None}


_MOST = {
    "img_size": LARGEST_INPUT,
    "patch_size": 128,
    "window_size": 256,
    "embed_dim": 8192,
    "depth": 256,
    "num_heads": 256,
    "reg_tokens": 256,
}


@dataclass(frozen=True)
class PretrainedConfig:
    """What timm's ``config.json`` says of the weights, as far as it matters here."""

    input_size: tuple[int, int, int] | None = None
    test_input_size: tuple[int, int, int] | None = None
    crop_pct: float | None = None
    test_crop_pct: float | None = None
    interpolation: Interpolation | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[float, float, float] | None = None
    crop_mode: CropMode | None = None
    num_classes: int | None = None
    label_names: tuple[str, ...] | None = None
    label_descriptions: Mapping[str, str] | None = None

    def preprocessing(self, *, train_size: bool) -> PreprocessingConfig:
        """The preprocessing, as far as it is said."""
        size = self.input_size if train_size else self.test_input_size or self.input_size
        crop = self.crop_pct if train_size else self.test_crop_pct or self.crop_pct
        return PreprocessingConfig(size, crop, self.interpolation, self.mean, self.std, self.crop_mode)


@dataclass(frozen=True)
class HubConfig:
    """timm's ``config.json``."""

    architecture: str
    num_classes: int | None = None
    label_names: tuple[str, ...] | None = None
    label_descriptions: Mapping[str, str] | None = None
    model_args: HubArguments = field(default_factory=HubArguments)
    pretrained_cfg: PretrainedConfig = field(default_factory=PretrainedConfig)


def read_config(plain: Mapping[str, Any], where: str) -> HubConfig:
    """The ``config.json`` of timm's, each value that is used checked; what is not used is not looked at.

    Raises:
        InputError: a value of another type or beyond its bounds, or an argument that is not allowed.
    """
    pretrained = plain.get("pretrained_cfg", plain)
    config = from_plain(
        HubConfig,
        {
            **_only(HubConfig, plain),
            "model_args": plain.get("model_args") or {},
            "pretrained_cfg": _only(PretrainedConfig, pretrained) if isinstance(pretrained, Mapping) else pretrained,
        },
        where,
    )
    if not timm.is_model(config.architecture):
        raise InputError(f"{where}: no architecture named {shown(config.architecture)}", "one of timm's")
    if config.num_classes is not None and not 0 <= config.num_classes <= _MOST_CLASSES:
        raise InputError(f"{where}: num_classes is {config.num_classes}", f"at most {_MOST_CLASSES:,}")
    return config


_MOST_CLASSES = 1 << 20


def _only(kind: Any, plain: Mapping[str, Any]) -> dict[str, Any]:
    """The entries of ``plain`` that ``kind`` has a field for; null is as good as absent."""
    return {one.name: plain[one.name] for one in fields(kind) if plain.get(one.name) is not None}


def from_timm_repository(name: str, repository: Repository, plain: Mapping[str, Any], *, train_size: bool) -> Found:
    """A repository, or a folder, that timm saved; see :func:`snellen.models.resolve.resolve`."""
    config = read_config(plain, f"{name}: its config.json")
    architecture, arguments = config.architecture, config.model_args.given()
    classes = config.num_classes or config.pretrained_cfg.num_classes
    labels = _labels(name, config)
    if labels is None and "clip" in architecture and not _of_imagenet(classes) and (classes or 0) <= _WIDEST_EMBEDDING:
        raise ModelError(
            f"{name}: an image tower without a classifier: its outputs are an embedding, not classes",
            "a repository whose config.json has label_names",
        )
    path = repository.file("model.safetensors")

    def make(count: int) -> Any:
        return made(name, lambda: timm.create_model(architecture, pretrained=False, num_classes=count, **arguments))

    built = build(name, architecture, path, make)
    return Found(
        built.network,
        built.classes,
        labels,
        config.pretrained_cfg.preprocessing(train_size=train_size),
        file_digest(path),
        repository.title,
        built.notes,
    )


def _labels(name: str, config: HubConfig) -> Labels | None:
    names = config.pretrained_cfg.label_names or config.label_names
    if not names:
        return None
    labels = checked_labels(name, names)
    descriptions = config.pretrained_cfg.label_descriptions or config.label_descriptions
    return described_labels(names, [descriptions.get(one, one) for one in names]) if descriptions else labels
