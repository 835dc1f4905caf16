"""From JPEG files to features: Snellen beside its peers, interleaved, on the same photographs.

    python benchmarks/embed.py [--data ../shared/data/imagenet-100] [--rounds 5] [--images 100]

Peers: timm's own transform and eager network in batches of 16; Hugging Face's image-classification pipeline
(`pip install transformers`) with the same weights; and the engine alone, on inputs that are in memory already.
Writes benchmarks/results/embed.json. The promises: eight times timm, 80% of the engine alone, and a cosine of at
least 0.999 to timm's float32 features.
"""

import argparse
import importlib.metadata
import importlib.util
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

import snellen
from photographs import all_read
from snellen.data.datasets.base import Example
from snellen.data.images import map_images, read_array
from snellen.inference.engines import Engine, choose_engine
from snellen.inference.features import EmbeddedExample, embed_each
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

BATCH = 16
SLOW = ("timm, eager", "Hugging Face pipeline")
COPIES = 4
Contender = Callable[[list[str]], object]


def timm_eager(classifier: snellen.Classifier) -> Callable[[list[str]], np.ndarray]:
    """Timm as its documentation says: open, transform, stack, network; the same weights in a network of its own."""
    import timm
    from PIL import Image
    from timm.data import create_transform, resolve_data_config

    network = timm.create_model(classifier.name, pretrained=False).eval()
    network.load_state_dict(classifier.network.state_dict())
    transform = create_transform(**resolve_data_config({}, model=network))

    def run(paths: list[str]) -> np.ndarray:
        features = []
        with torch.inference_mode():
            for start in range(0, len(paths), BATCH):
                images = [transform(Image.open(path).convert("RGB")) for path in paths[start : start + BATCH]]
                seen = network.forward_features(torch.stack(images))
                features.append(network.forward_head(seen, pre_logits=True))
        return torch.cat(features).numpy()

    return run


def hugging_face(classifier: snellen.Classifier) -> Contender:
    """The image-classification pipeline of transformers, with the same weights, in batches."""
    from transformers import TimmWrapperConfig, TimmWrapperForImageClassification, TimmWrapperImageProcessor, pipeline

    config = TimmWrapperConfig(architecture=classifier.name, num_labels=1000)
    network = TimmWrapperForImageClassification(config)
    network.timm_model.load_state_dict(classifier.network.state_dict())
    with tempfile.TemporaryDirectory() as folder:
        network.save_pretrained(folder)
        processor = TimmWrapperImageProcessor(classifier.network.pretrained_cfg, architecture=classifier.name)
    ready = pipeline("image-classification", model=network.eval(), image_processor=processor, device="cpu")
    return lambda paths: ready(paths, batch_size=BATCH)


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/imagenet-100"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--images", type=int, default=100)
    parser.add_argument("--model", default="tf_efficientnet_lite0")
    options = parser.parse_args()
    paths = sorted(str(path) for path in options.data.rglob("*.JPEG"))[: options.images]
    classifier = snellen.load(options.model, device="cpu")
    engine = choose_engine(classifier)
    rough = choose_engine(classifier, precision="bfloat16")

    def read(path: str) -> npt.NDArray[np.uint8]:
        return classifier.preprocessing.preprocess_fast(read_array(path))

    inputs = all_read(one for _, one in map_images(paths, read))

    def ours(which: Engine, paths: list[str]) -> list[EmbeddedExample]:
        return all_read(embed_each(which, classifier, (Example(path, None, path) for path in paths)))

    eager = timm_eager(classifier)
    contenders: dict[str, Contender] = {
        "timm, eager": eager,
        "snellen": lambda paths: ours(engine, paths),
        "engine alone": lambda paths: list(engine.run(inputs * (len(paths) // len(inputs)))),
        "snellen, bfloat16": lambda paths: ours(rough, paths),
        "engine alone, bfloat16": lambda paths: list(rough.run(inputs * (len(paths) // len(inputs)))),
        "decoding alone": lambda paths: list(map_images(paths, read)),
    }
    absent = ""
    if importlib.util.find_spec("transformers") is None:
        absent = "transformers is not installed"
    else:
        contenders["Hugging Face pipeline"] = hugging_face(classifier)
    rates: dict[str, list[float]] = {name: [] for name in contenders}
    for round_ in range(options.rounds + 1):
        for name, contender in contenders.items():
            # The fast ones get enough to do for their start and end not to count.
            work = paths * (1 if name in SLOW else COPIES)
            start = time.perf_counter()
            contender(work)
            if round_:  # the first is to warm up
                rates[name].append(len(work) / (time.perf_counter() - start))
    exact = eager(paths)
    cosines = {}
    for name, which in (("snellen", engine), ("snellen, bfloat16", rough)):
        found = np.stack([one.features for one in ours(which, paths)])
        cosines[name] = (found * exact).sum(1) / np.linalg.norm(found, axis=1) / np.linalg.norm(exact, axis=1)
    medians = {name: statistics.median(values) for name, values in rates.items()}
    result = {
        "images": len(paths),
        "rounds": options.rounds,
        "model": options.model,
        "engine": engine.name,
        "images_per_second": medians,
        "all_rounds": rates,
        "times_timm": medians["snellen"] / medians["timm, eager"],
        "share_of_engine_alone": medians["snellen"] / medians["engine alone"],
        "smallest_cosine": {name: float(values.min()) for name, values in cosines.items()},
        "mean_cosine": {name: float(values.mean()) for name, values in cosines.items()},
        "absent": absent,
        "hardware": hardware(),
        "versions": versions()
        | {
            name: importlib.metadata.version(name)
            for name in ("openvino", "simplejpeg", "transformers")
            if importlib.util.find_spec(name)
        },
    }
    write_json(Path(__file__).parent / "results" / "embed.json", result)
    for name, rate in medians.items():
        print(f"{name}: {rate:.1f} images a second")
    print(f"{result['times_timm']:.1f} times timm, {result['share_of_engine_alone']:.0%} of the engine alone")
    print(f"smallest cosine to timm's features: {result['smallest_cosine']} {absent}")


if __name__ == "__main__":
    main()
