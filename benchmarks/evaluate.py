"""From labelled photographs to accuracy: `snellen evaluate` beside timm's own validation, interleaved.

    python benchmarks/evaluate.py [--data ../shared/data/imagenet-100] [--rounds 3]

Peer: timm's transform and eager network in batches of 16, as its `validate.py` runs them on a CPU; the same weights.
Beside them the limit: the engine alone on inputs that are ready, and decoding alone. Writes
benchmarks/results/evaluate.json. The promises: five times its rate, the same top-1, photograph by photograph.
"""

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image

import snellen
from photographs import all_read
from snellen.data.datasets import open_dataset
from snellen.data.images import map_images, read_array
from snellen.evaluation.evaluate import evaluate
from snellen.inference.engines import choose_engine
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

BATCH = 16


def timm_validation(classifier: snellen.Classifier, paths: list[str]) -> np.ndarray:
    """The top class of each photograph, as timm's documentation has it."""
    import timm
    from timm.data import create_transform, resolve_data_config

    network = timm.create_model(classifier.name, pretrained=False).eval()
    network.load_state_dict(classifier.network.state_dict())
    transform = create_transform(**resolve_data_config({}, model=network))
    found = []
    with torch.inference_mode():
        for start in range(0, len(paths), BATCH):
            images = [transform(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
            found.append(network(torch.stack(images)).argmax(dim=1))
    return torch.cat(found).numpy()


def limits(classifier: snellen.Classifier, paths: list[str]) -> dict[str, Callable[[], object]]:
    """What no way from files to logits can be faster than."""

    def read(path: str) -> npt.NDArray[np.uint8]:
        return classifier.preprocessing.preprocess_fast(read_array(path))

    engine = choose_engine(classifier, output="logits")
    inputs = all_read(one for _, one in map_images(paths, read))
    return {
        "engine alone": lambda: list(engine.run(inputs)),
        "decoding alone": lambda: list(map_images(paths, read)),
    }


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", default="../shared/data/imagenet-100")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    options = parser.parse_args()
    classifier, dataset = snellen.load(options.model, device="cpu"), open_dataset(options.data)
    paths = [str(example.source) for _, example in dataset.read()]
    alone = limits(classifier, paths)
    ways = ("timm, eager", "snellen evaluate, whole call", "snellen, from files", *alone)
    rates: dict[str, list[float]] = {name: [] for name in ways}
    for round_ in range(options.rounds + 1):
        started = time.perf_counter()
        theirs = timm_validation(classifier, paths)
        between = time.perf_counter()
        result = evaluate(classifier, dataset)
        ended = time.perf_counter()
        for name, way in alone.items():
            started_alone = time.perf_counter()
            way()
            if round_:
                rates[name].append(len(paths) / (time.perf_counter() - started_alone))
        if round_:  # the first is to warm up
            rates["timm, eager"].append(len(paths) / (between - started))
            rates["snellen evaluate, whole call"].append(len(paths) / (ended - between))
            rates["snellen, from files"].append(len(paths) / result.seconds)
    ours = np.array([one.top.index for one in result.photographs])
    medians = {name: statistics.median(values) for name, values in rates.items()}
    written = {
        "images": len(paths),
        "model": options.model,
        "images_per_second": medians,
        "all_rounds": rates,
        "times_timm": medians["snellen, from files"] / medians["timm, eager"],
        "same_top_1": int((ours == theirs).sum()),
        "accuracy": result.accuracy,
        "hardware": hardware(),
        "versions": versions(),
    }
    write_json(Path(__file__).parent / "results" / "evaluate.json", written)
    print(f"{medians}; {written['times_timm']:.2f} times timm; {written['same_top_1']} of {len(paths)} the same top-1")


if __name__ == "__main__":
    main()
