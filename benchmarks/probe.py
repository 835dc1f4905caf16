"""Accuracy of the probe with its gains, and the time of its fit beside scikit-learn's default.

    python benchmarks/probe.py [--data ../shared/data] [--sets pets37-mini pets7] [--repeats 5]

Each gain is one change to the plain probe (tf_efficientnet_lite0, its own input size, no mirror images): named, and
measured on the same test images. The fit is timed against ``LogisticRegression()`` of scikit-learn on the same
unit-length features, interleaved. Writes benchmarks/results/probe.json.
"""

import argparse
import statistics
import time
import warnings
from pathlib import Path

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import normalize

import snellen
from snellen.data.datasets import open_dataset
from snellen.data.datasets.base import train_test
from snellen.inference.engines import choose_engine
from snellen.inference.features import FeatureSet, embed_rows, with_size
from snellen.models.scores import score
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions
from snellen.transfer.linear import fit_linear, train_probe

LITE0, LITE2 = "tf_efficientnet_lite0", "tf_efficientnet_lite2"
VARIANTS = {
    "plain": (LITE0, None, False),
    "mirror images averaged": (LITE0, None, True),
    "inputs of 288 pixels": (LITE0, 288, False),
    "inputs of 288 pixels, mirror images averaged": (LITE0, 288, True),
    "tf_efficientnet_lite2": (LITE2, None, False),
}


def embedded(name: str, model: str, size: int | None, mirrored: bool) -> tuple[FeatureSet, FeatureSet]:
    """Both splits' features."""
    classifier = with_size(snellen.load(model, device="cpu"), size)
    engine = choose_engine(classifier)
    split = train_test(open_dataset(name))
    train = embed_rows(engine, classifier, split.train, mirrored)
    return train, embed_rows(engine, classifier, split.test, mirrored)


def fit_times(train: FeatureSet, c: float, repeats: int) -> dict[str, float]:
    """Median seconds of one fit: ours at the C that was chosen, and scikit-learn's default."""
    unit = normalize(train.features)
    ours, default = [], []
    for _ in range(repeats):
        start = time.perf_counter()
        fit_linear(train.features, train.targets, "logistic", c)
        ours.append(time.perf_counter() - start)
        start = time.perf_counter()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the default may stop before it has converged
            LogisticRegression().fit(unit, train.targets)
        default.append(time.perf_counter() - start)
    return {"snellen": statistics.median(ours), "scikit-learn default": statistics.median(default)}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--sets", nargs="+", default=["pets37-mini", "pets7"])
    parser.add_argument("--repeats", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, dict[str, object]] = {}
    for name in options.sets:
        for variant, (model, size, mirrored) in VARIANTS.items():
            train, test = embedded(str(options.data / name), model, size, mirrored)
            for kind in ("logistic", "svm", "ridge") if variant == "plain" else ("logistic",):
                probe, search = train_probe(train.features, train.targets, kind)
                scores = score(test.targets, probe.predict(test.features), len(probe.bias))
                found = {
                    "mean_per_class_accuracy": scores.mean_per_class,
                    "cross_validated": max(one.mean for one in search.scores),
                    "c": probe.c,
                    "n": scores.accuracy.n,
                    "search_seconds": search.seconds,
                }
                if variant == "plain" and kind == "logistic":
                    found["fit_seconds"] = fit_times(train, probe.c, options.repeats)
                results[f"{name}, {variant}, {kind}"] = found
                value = scores.mean_per_class
                print(
                    f"{name}, {variant}, {kind}: {value.value:.3f} ({value.low:.3f} to {value.high:.3f}), "
                    f"C = {probe.c:g}, search {search.seconds:.1f} s, {found.get('fit_seconds', '')}",
                    flush=True,
                )
    shared = {"results": results, "hardware": hardware(), "versions": versions(), "seed": 0, "numpy": np.__version__}
    write_json(Path(__file__).parent / "results" / "probe.json", shared)


if __name__ == "__main__":
    main()
