"""timm's models: by name, and repositories of the hub that timm saved."""

from __future__ import annotations

import json
from collections.abc import Mapping

import snellen._torchvision  # noqa: F401  # before timm
from snellen.data.hub import fetch
from snellen.errors import ModelError, did_you_mean, nearest
from snellen.models.bundled import BUNDLED
from snellen.models.pretrained import Pretrained, build, checked_labels, finish, labels_of
from snellen.models.safetensors import file_digest

import timm  # isort: skip


def from_timm(name: str) -> Pretrained:
    """The timm model of that name with its published weights; see :func:`snellen.models.resolve.resolve`."""
    base, _, tag = name.partition(".")
    if not timm.is_model(base):
        known = [*BUNDLED, *timm.list_models(), *timm.list_pretrained()]
        hint = did_you_mean(name, known) or "`snellen.list_models()` lists the names"
        raise ModelError(f"no model named {name!r}", hint)
    config = timm.get_pretrained_cfg(name, allow_unregistered=False) if _has_pretrained(base, tag) else None
    if config is None:
        tags = [known for known in timm.list_pretrained() if known.partition(".")[0] == base]
        near = nearest(name, tags) or tags[:3]
        hint = f"pretrained: {', '.join(near)}" if near else "timm publishes no pretrained weights of it"
        raise ModelError(f"{name}: no such pretrained weights, and random ones are never used", hint)
    if not config.num_classes:
        raise ModelError(f"{name}: it has no classes", "a classifier; this network only gives features")
    if not config.hf_hub_id:
        raise ModelError(
            f"{name}: its weights are published only as a pickle, which is refused",
            "convert them to .safetensors where you trust them, and give the file and its `architecture`",
        )
    filename = config.hf_hub_filename or "model.safetensors"
    path = fetch(name, config.hf_hub_id, filename if filename.endswith(".safetensors") else "model.safetensors")
    overlay = {"file": str(path), "hf_hub_id": None, "url": None}
    network = timm.create_model(name, pretrained=True, pretrained_cfg_overlay=overlay)
    return finish(name, network, labels_of(network), file_digest(path), f"timm hub {config.hf_hub_id}")


def _has_pretrained(base: str, tag: str) -> bool:
    name = f"{base}.{tag}" if tag else base
    return bool(timm.is_model_pretrained(name))


def from_hub(name: str) -> Pretrained:
    """A repository that timm saved; see :func:`snellen.models.resolve.resolve`."""
    repository = name.removeprefix("hf-hub:")
    config_path = fetch(name, repository, "config.json")
    try:
        config = json.loads(config_path.read_text())
        architecture, arguments = config["architecture"], config.get("model_args", {})
        pretrained = config.get("pretrained_cfg", config)
    except (ValueError, KeyError) as error:
        raise ModelError(f"{name}: its config.json is not timm's", "a repository saved by timm") from error
    path = fetch(name, repository, "model.safetensors")
    arguments = arguments | {"num_classes": config.get("num_classes", 1000)}
    network = build(name, architecture, path, lambda: timm.create_model(architecture, pretrained=False, **arguments))
    network.pretrained_cfg = dict(getattr(network, "pretrained_cfg", {}) or {}) | pretrained
    names = pretrained.get("label_names") or config.get("label_names")
    classes = int(getattr(network, "num_classes", 0))
    if names:
        labels = checked_labels(name, _readable(names, pretrained.get("label_descriptions")), classes)
    else:
        labels = labels_of(network)
    return finish(name, network, labels, file_digest(path), f"hub {repository}")


def _readable(names: list[str], descriptions: Mapping[str, str] | None) -> list[str]:
    readable = [(descriptions or {}).get(name, name).split(", ")[0] for name in names]
    return readable if len(set(readable)) == len(readable) else names
