"""What drawing costs, in processor time: each kind of figure into files, beside Matplotlib's own way to a PNG file.

    python benchmarks/figures.py [--rounds 5]

Writes benchmarks/results/figures.json. Plotting makes the figure; Matplotlib's own way is ``savefig`` with its defaults
at the same resolution. Both ways begin with a figure that nothing has been drawn of; they take turns, and a first turn
does not count. Reads nothing but a bundled photograph and network.
"""

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from matplotlib.figure import Figure

import snellen
from snellen.data.photographs import bundled_photographs
from snellen.figures import STYLE
from snellen.inspect.figures import draw_overlays
from snellen.robustness.acuity import acuity
from snellen.robustness.figures import draw_stress
from snellen.runs.files import write_figure, write_json
from snellen.runs.provenance import hardware, versions


def figures() -> Mapping[str, Callable[[], Figure]]:
    """What draws a figure of each kind."""
    classifier, path = snellen.load(device="cpu"), bundled_photographs()[0].path
    maps, stressed = snellen.feature_maps(classifier, path), snellen.stress(classifier, path)
    return {
        "categories": snellen.classify(classifier, path).plot,
        "feature maps": maps.plot,
        "maps over the photograph": lambda: draw_overlays(maps),
        "heat map": snellen.heatmap(classifier, path).plot,
        "stress": lambda: draw_stress([stressed]),
        "acuity chart": acuity(stressed).plot,
    }


def milliseconds(function: Callable[[], object]) -> float:
    """Processor time of one call."""
    started = time.process_time()
    function()
    return 1000 * (time.process_time() - started)


def turn(draw: Callable[[], Figure], folder: Path) -> dict[str, float]:
    """Each step of one figure, once."""
    figure, other = draw(), draw()
    return {
        "plot": milliseconds(draw),
        "png": milliseconds(lambda: write_figure(folder / "figure.png", figure)),
        "svg": milliseconds(lambda: write_figure(folder / "figure.svg", figure)),
        "matplotlib_png": milliseconds(lambda: other.savefig(io.BytesIO(), format="png", dpi=STYLE["savefig.dpi"])),
    }


def main() -> None:
    """Measure, write, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    kinds = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, draw in figures().items():
            turns = [turn(draw, Path(folder)) for _ in range(rounds + 1)][1:]
            kinds[name] = {step: statistics.median(one[step] for one in turns) for step in turns[0]}
            kinds[name]["times"] = statistics.median(one["matplotlib_png"] / one["png"] for one in turns)
            print(name, *(f"{step} {value:.3g}" for step, value in kinds[name].items()), sep="; ", flush=True)
    result = {"rounds": rounds, "milliseconds": kinds, "hardware": hardware(), "versions": versions()}
    write_json(Path(__file__).parent / "results" / "figures.json", result)


if __name__ == "__main__":
    main()
