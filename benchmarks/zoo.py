"""The smallest network of each family, with random weights, through everything that Snellen does with a network.

    python benchmarks/zoo.py [--families vit,resnet] [--minutes 25] [--list]

Of each module of timm that registers networks, and of each of torchvision's, the smallest network is built at the
smallest input that it takes, its random weights are written to a file and loaded as a user's would be, and then:
classify, layers, feature maps, heat map, features with both engines, an attack of 5 steps, a robust one of 2, stress.
Promised: logits within 1e-4 of the plain module's, features with a cosine of 0.999 between the engines, norm and bounds
of attacks kept, the network left as it was found.

A family's line is written to benchmarks/results/zoo.json as soon as it is done; the next start goes on with the rest.
``--page`` writes docs/models.md.
"""

import argparse
import json
import tempfile
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from safetensors.torch import save_file
from torch import nn

import snellen
from snellen.attacks.config import AttackConfig
from snellen.data.images import pixels_from_bytes
from snellen.inference.engines import choose_engine
from snellen.models.create import torchvision_network
from snellen.models.safetensors import digest_of_tensors
from snellen.runs.files import write_json
from snellen.runs.progress import Progress
from snellen.runs.provenance import hardware, versions

import timm  # isort: skip

RESULTS = Path(__file__).parent / "results" / "zoo.json"
PAGE = Path(__file__).parents[1] / "docs" / "models.md"
CLASSES = 10
SIDES = (64, 96, 128, 160, 192, 224, 256, 288, 384, 448, 512)
SMALL = ("test", "atto", "femto", "pico", "nano", "tiny", "xxs", "xx_small", "_s0", "_t0", "small", "_050", "b0", "18")
# Where the shortest name is not the smallest network.
SMALLEST = {
    "mlp_mixer": "resmlp_12_224", "pit": "pit_ti_224", "regnet": "regnetx_002", "sequencer": "sequencer2d_s",
    "tresnet": "tresnet_m", "iformer": "iformer_t", "selecsls": "selecsls42b", "xception_aligned": "xception41",
}  # fmt: skip
# Not image classifiers of one photograph at one size.
NOT_NETWORKS = {"naflexvit": "takes patches and their coordinates, not images of one size"}
TORCHVISION = {
    "alexnet": "alexnet", "convnext": "convnext_tiny", "densenet": "densenet121", "efficientnet": "efficientnet_b0",
    "efficientnet_v2": "efficientnet_v2_s", "googlenet": "googlenet", "inception": "inception_v3", "maxvit": "maxvit_t",
    "mnasnet": "mnasnet0_5", "mobilenet_v2": "mobilenet_v2", "mobilenet_v3": "mobilenet_v3_small",
    "regnet": "regnet_y_400mf", "resnet": "resnet18", "resnext": "resnext50_32x4d", "shufflenet": "shufflenet_v2_x0_5",
    "squeezenet": "squeezenet1_1", "swin": "swin_t", "swin_v2": "swin_v2_t", "vgg": "vgg11", "vgg_bn": "vgg11_bn",
    "vit": "vit_b_32",
}  # fmt: skip


def families() -> dict[str, str]:
    """The smallest architecture of each family, by ``timm:module`` or ``torchvision:module``."""
    found = {}
    for module in sorted(timm.list_modules()):
        names = timm.list_models(module=module)
        if names:
            found[f"timm:{module}"] = SMALLEST.get(module) or smallest(names)
    return found | {f"torchvision:{name}": one for name, one in TORCHVISION.items()}


def smallest(names: list[str]) -> str:
    """The architecture whose name says most plainly that it is small: to build all takes too long."""
    return min(names, key=size_by_name)


def size_by_name(name: str) -> tuple[int, int]:
    """An order from names that say that they are small to those that do not, the shortest first."""
    return next((number for number, word in enumerate(SMALL) if word in name), len(SMALL)), len(name)


def sized(family: str, name: str) -> Iterator[tuple[int, dict[str, int], nn.Module]]:
    """The network at each side that it may take, the smallest first."""
    for side in SIDES:
        for arguments in ({}, {"img_size": side}):
            torch.manual_seed(0)
            try:
                if family.startswith("torchvision:"):
                    network = torchvision_network(name, num_classes=CLASSES)
                else:
                    network = timm.create_model(name, num_classes=CLASSES, **arguments)
                with torch.no_grad():
                    network.eval()(torch.zeros(1, 3, side, side))
            except Exception:
                # Networks say in many ways that they do not take this size or this argument.
                continue
            yield side, arguments, network


def awake(network: nn.Module) -> None:
    """Give a classifier that begins with zeros, or near it, something to answer: else nothing supports anything."""
    for module in network.modules():
        if isinstance(module, nn.Linear | nn.Conv2d) and module.weight.abs().max() < 1e-3:
            nn.init.normal_(module.weight, std=0.02)


def write(folder: Path, family: str, name: str, side: int, arguments: dict[str, int], network: nn.Module) -> str:
    """The network's files as its owner would have them; gives the name that loads them."""
    labels = [f"kind {number}" for number in range(CLASSES)]
    plain = {"input_size": [3, side, side], "crop_pct": 1.0, "interpolation": "bilinear", "mean": [0.5] * 3,
             "std": [0.25] * 3, "crop_mode": "center"}  # fmt: skip
    tensors = {key: value.contiguous().clone() for key, value in network.state_dict().items()}
    if family.startswith("torchvision:"):
        metadata = {
            "architecture": f"torchvision:{name}",
            "labels": json.dumps(labels),
            "preprocessing": json.dumps(plain),
        }
        save_file(tensors, folder / "weights.safetensors", metadata=metadata)
        return str(folder / "weights.safetensors")
    save_file(tensors, folder / "model.safetensors")
    config = {"architecture": name, "num_classes": CLASSES, "label_names": labels, "model_args": arguments,
              "pretrained_cfg": plain}  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)


def examine(family: str, name: str, folder: Path) -> dict[str, Any]:
    """Everything once; raises where a promise is broken."""
    side, arguments, network = next(sized(family, name))
    awake(network)
    made = write(folder, family, name, side, arguments, network)
    photo = Image.fromarray(np.random.default_rng(0).integers(0, 256, (12, 16, 3), dtype=np.uint8)).resize((88, 72))
    classifier = snellen.load(made, device="cpu")
    inputs = classifier.preprocessing.preprocess_image(photo)
    with torch.no_grad():
        expected = network((pixels_from_bytes(inputs) - 0.5) / 0.25)
        found = classifier.logits_from_inputs(pixels_from_bytes(inputs))
    difference = (expected - found).abs().max().item() / max(1.0, expected.abs().max().item())
    hold(difference <= 1e-4, f"logits differ by {difference:.1e}")
    classifier.network.train().requires_grad_(True)
    before = state(classifier.network)
    classified = snellen.classify(classifier, photo)
    hold(len(classified.predictions) > 0, "no prediction")
    hold(len(classifier.layers) > 0, "no layer with a map")
    maps = snellen.feature_maps(classifier, photo)
    hold(len(maps.maps) > 0, "no feature map")
    heat = snellen.heatmap(classifier, photo)
    hold(bool(np.isfinite(heat.values).all()), "a heat map that is not finite")
    (torch_features,) = choose_engine(classifier, "torch").run([inputs])
    heard = Heard()
    engine = choose_engine(classifier, "auto", progress=heard)
    (features,) = engine.run([inputs])
    norms = float(np.linalg.norm(features) * np.linalg.norm(torch_features))
    cosine = float(features @ torch_features) / norms if norms else 1.0
    hold(cosine >= 0.999, f"features of both engines at a cosine of {cosine:.4f}")
    target = int(found.argmin())
    for config in (AttackConfig(target, steps=5), AttackConfig(target, steps=2, robust=True)):
        attacked = snellen.attack(classifier, photo, config=config)
        change = np.asarray(attacked.image, dtype=int) - np.asarray(photo, dtype=int)
        hold(abs(change).max() <= 4 and attacked.norm <= 4, f"a norm of {abs(change).max()}/255")
        hold(attacked.gradients > 0, "no gradient")
    stressed = snellen.stress(classifier, photo)
    hold(len(stressed.outcomes) > 10, "few transforms")
    hold(state(classifier.network) == before, "the network is not as it was found")
    return {"architecture": name, "side": side, "engine": engine.name, "features": len(features), "cosine": cosine,
            "logits": difference, "layers": len(classifier.layers), "note": "; ".join(heard.lines)}  # fmt: skip


class Heard(Progress):
    """Keeps the lines that it is told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        """One line."""
        self.lines.append(line.partition(": ")[2])


def hold(kept: bool, otherwise: str) -> None:
    """Stop where a promise is broken."""
    if not kept:
        raise AssertionError(otherwise)


def state(network: nn.Module) -> tuple[object, ...]:
    """All of a network that an examination might change and leave changed."""
    modes = tuple(module.training for module in network.modules())
    flags = tuple(parameter.requires_grad for parameter in network.parameters())
    hooks = sum(len(module._forward_hooks) + len(module._forward_pre_hooks) for module in network.modules())
    return digest_of_tensors(network.state_dict()), modes, flags, hooks


def tried(family: str, name: str) -> dict[str, Any]:
    """The line of one family."""
    started = time.process_time()
    try:
        with tempfile.TemporaryDirectory() as folder:
            line = {"works": True} | examine(family, name, Path(folder))
    except Exception as error:
        # The table is of what fails, too.
        place = traceback.extract_tb(error.__traceback__)[-1]
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        line = {"works": False, "architecture": name, "reason": f"{type(error).__name__}: {reason}",
                "place": f"{Path(place.filename).name}:{place.lineno}"}  # fmt: skip
    return line | {"seconds": round(time.process_time() - started, 1)}


def table(lines: dict[str, dict[str, Any]]) -> str:
    """The result as Markdown."""
    rows = ["| family | smallest network | input | works | features | engine | CPU seconds | what does not, and why |",
            "| --- | --- | ---: | --- | ---: | --- | ---: | --- |"]  # fmt: skip
    for family, line in sorted(lines.items()):
        works = "yes" if line["works"] else "no"
        reason = (line.get("reason") or line.get("note", "")).replace("|", "/")
        cells = (family, f"`{line['architecture']}`", line.get("side", ""), works, line.get("features", ""),
                 line.get("engine", ""), line["seconds"], reason)  # fmt: skip
        rows.append("| " + " | ".join(map(str, cells)) + " |")
    return "\n".join(rows)


def page(found: dict[str, Any]) -> str:
    """``docs/models.md``."""
    lines = found["lines"]
    works = sum(line["works"] for line in lines.values())
    left = [family for family in found["families"] if family not in lines]
    remains = f" Not yet tried: {', '.join(left)}." if left else ""
    return f"""# Which networks work

What can be examined, and how each is named: [Examine a model of your own](how-to/own-model.md). This table says what
was tried. `python benchmarks/zoo.py` makes it; `python benchmarks/zoo.py --page` writes this page.

Of each family of timm's and torchvision's one small network, its weights random, is written to a file, loaded as yours
would be, and taken through everything: classify, layers, feature maps, heat map, features with both engines, an attack
of 5 steps, a robust one of 2, stress. It works where all of that gives a result, the logits are within 1e-4 of the
plain module's, both engines' features have a cosine of at least 0.999, the attacks keep their bound, and the network is
left as it was found. Random weights say nothing of accuracy; the bundled networks and SqueezeNet have real ones in the
tests.

{works} of the {len(lines)} families tried work, of {len(found["families"])} there are.{remains} Seconds are processor
time of one core of {found["hardware"]}; input is the smallest side in pixels that the network takes.

{table(lines)}
"""


def main() -> None:
    """Go on where the last start stopped."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--families", help="parts of their names, between commas; all where not given")
    parser.add_argument("--minutes", type=float, default=25.0, help="of processor time, after which no family is begun")
    parser.add_argument("--again", action="store_true", help="those that did not work, too")
    parser.add_argument("--page", action="store_true", help="write docs/models.md of what is done, and end")
    given = parser.parse_args()
    found = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.is_file() else {"families": {}, "lines": {}}
    if given.page:
        PAGE.write_text(page(found), encoding="utf-8")
        return
    found["families"] = found["families"] or families()
    for family, name in sorted(found["families"].items(), key=lambda pair: size_by_name(pair[1])):
        done = found["lines"].get(family)
        wanted = given.families is None or any(part in family for part in given.families.split(","))
        if not wanted or (done is not None and (done["works"] or not given.again)):
            continue
        if time.process_time() > 60 * given.minutes:
            break
        module = family.partition(":")[2]
        if module in NOT_NETWORKS:
            line = {"works": False, "architecture": name, "reason": NOT_NETWORKS[module], "seconds": 0.0}
        else:
            line = tried(family, name)
        found["lines"][family] = line
        print(f"{family}: {line}", flush=True)
        write_json(RESULTS, found | {"hardware": hardware(), "versions": versions()})


if __name__ == "__main__":
    main()
