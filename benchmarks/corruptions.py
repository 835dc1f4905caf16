"""The common corruptions: ours beside the package `imagecorruptions`, image by image and second by second.

    python benchmarks/corruptions.py [--data ../shared/data/imagenet-100] [--images 20]

Peer (`pip install imagecorruptions opencv-python-headless numba`): the same corruptions on the same 224 x 224 crops,
interleaved. Where nothing is drawn the results are compared value by value; where something is, by the mean absolute
change that they make to a photograph. Writes benchmarks/results/corruptions.json. The promise: three times its rate.
"""

import argparse
import importlib
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

import snellen
from snellen.evaluation.corruptions import CORRUPTIONS, SEVERITIES
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

DRAWN = {
    "gaussian_noise", "shot_noise", "impulse_noise", "glass_blur", "motion_blur", "snow", "frost", "fog",
    "elastic_transform", "speckle_noise", "spatter",
}  # fmt: skip


def peer() -> ModuleType:
    """The package with two names of old NumPy's and scikit-image's given back to it; what it computes is its own."""
    vars(np)["float_"] = np.float64
    from imagecorruptions import corruptions

    gaussian = corruptions.gaussian

    def with_old_name(image: np.ndarray, sigma: float, multichannel: bool = False, **how: Any) -> np.ndarray:
        blurred: np.ndarray = gaussian(image, sigma, channel_axis=-1 if multichannel else None, **how)
        return blurred

    corruptions.gaussian = with_old_name
    return importlib.import_module("imagecorruptions")


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--data", type=Path, default=Path("../shared/data/imagenet-100"))
    parser.add_argument("--images", type=int, default=20)
    options = parser.parse_args()
    imagecorruptions = peer()
    preprocessing = snellen.load(device="cpu").preprocessing
    paths = sorted(options.data.rglob("*.JPEG"))[: options.images]
    crops = [preprocessing.preprocess_image(snellen.read_image(path)) for path in paths]
    rows: dict[str, dict[str, Any]] = {}
    for name, corruption in CORRUPTIONS.items():
        seconds = {"snellen": 0.0, "imagecorruptions": 0.0}
        largest, differences = 0, []
        changes: dict[str, list[float]] = {"snellen": [], "imagecorruptions": []}
        for number, crop in enumerate([crops[0], *crops]):  # the first warms up
            for severity in SEVERITIES:
                started = time.perf_counter()
                ours = corruption(crop, severity, np.random.default_rng(number))
                between = time.perf_counter()
                theirs = np.asarray(imagecorruptions.corrupt(crop, severity=severity, corruption_name=name))
                ended = time.perf_counter()
                if not number:
                    continue
                seconds["snellen"] += between - started
                seconds["imagecorruptions"] += ended - between
                gap = np.abs(ours.astype(int) - theirs)
                largest = max(largest, int(gap.max()))
                differences.append(gap.mean())
                for who, made in (("snellen", ours), ("imagecorruptions", theirs)):
                    changes[who].append(float(np.abs(made.astype(int) - crop).mean()))
        rows[name] = {
            "milliseconds": {who: 1000 * value / len(crops) / len(SEVERITIES) for who, value in seconds.items()},
            "mean_change": {who: float(np.mean(value)) for who, value in changes.items()},
            "mean_change_by_severity": {
                who: np.reshape(value, (-1, len(SEVERITIES))).mean(axis=0).tolist() for who, value in changes.items()
            },
            "mean_difference": None if name in DRAWN else float(np.mean(differences)),
            "largest_difference": None if name in DRAWN else largest,
        }
        print(name, rows[name]["milliseconds"], rows[name]["mean_change_by_severity"], rows[name]["largest_difference"])
    totals = {who: sum(row["milliseconds"][who] for row in rows.values()) for who in ("snellen", "imagecorruptions")}
    result = {
        "images": len(crops),
        "corruptions": rows,
        "milliseconds_of_all": totals,
        "times_imagecorruptions": totals["imagecorruptions"] / totals["snellen"],
        "hardware": hardware(),
        "versions": versions(),
    }
    write_json(Path(__file__).parent / "results" / "corruptions.json", result)
    print(f"{result['times_imagecorruptions']:.2f} times imagecorruptions")


if __name__ == "__main__":
    main()
