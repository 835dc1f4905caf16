"""How cost grows, beside what the machine can do at most: seconds against images, sizes, batches, bounds and workers.

    python benchmarks/cost.py [--images 10000] [--megapixels 16] [--seconds 2] [--data ../shared/data/imagenet-100]
        [--batch 64] [--steps 100] [--side 2048]

Ten minutes on two cores. Each curve changes one thing and keeps the rest. The physical limits are measured in the
same run, on the same threads: the rate of a matrix product, the rate of decoding alone, and the rate at which memory
is copied. Writes benchmarks/results/cost.json and docs/images/cost.png.
"""

import argparse
import dataclasses
import io
import time
from collections.abc import Callable, Sequence
from itertools import cycle, islice
from pathlib import Path

import torch
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator
from PIL import Image

import snellen
from snellen.attacks.config import AttackConfig
from snellen.attacks.fused import fastest_precision
from snellen.data.datasets.base import Example
from snellen.data.images import expand, map_images, read_array, read_pixels
from snellen.data.photographs import bundled_photographs
from snellen.figures import GREY, new_figure, styled
from snellen.inference.engines import choose_engine
from snellen.inference.features import embed_each
from snellen.runs.files import write_figure, write_json
from snellen.runs.provenance import cores, hardware, versions

HERE = Path(__file__).parent
RESULT = HERE / "results" / "cost.json"
FIGURE = HERE.parent / "docs" / "images" / "cost.png"
MODEL = "tf_efficientnet_lite0"
COPIED_BYTES = 256 << 20
LIMIT_REPEATS = 5
SIDE = 2048
"""Rows and columns of the matrices whose product says what the processor can do."""


@dataclasses.dataclass(frozen=True)
class Curve:
    """One thing that grows.

    Attributes:
        title: of the picture.
        along: what grows, with its unit.
        measure: what is measured, with its unit.
        points: pairs of the two.
        limits: what the machine allows at each point, by what it is that allows no more.
    """

    title: str
    along: str
    measure: str
    points: Sequence[tuple[float, float]]
    limits: dict[str, list[float]]


def best_of(work: Callable[[], object], repeats: int = LIMIT_REPEATS) -> float:
    """The least seconds that ``work`` takes."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return min(times)


def matrix_product_rate(precision: str, side: int) -> float:
    """Multiplications and additions a second of a product of matrices with so many rows and columns."""
    matrix = torch.rand(side, side, dtype=getattr(torch, precision))
    return 2 * side**3 / best_of(lambda: matrix @ matrix)


def memory_rate() -> float:
    """Bytes a second that are read and written while memory is copied."""
    source, target = torch.empty(COPIED_BYTES, dtype=torch.uint8), torch.empty(COPIED_BYTES, dtype=torch.uint8)
    return 2 * COPIED_BYTES / best_of(lambda: target.copy_(source))


def operations_of_pass(classifier: snellen.Classifier) -> float:
    """Multiplications and additions of one forward pass."""
    from torch.utils.flop_counter import FlopCounterMode

    inputs = torch.zeros(1, 3, *classifier.preprocessing.size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        classifier.logits_from_inputs(inputs)
    return float(counter.get_total_flops())


def bytes_of_pass(classifier: snellen.Classifier) -> float:
    """Bytes that one forward pass writes and reads again: what each layer of the network hands on, in float32."""
    total = 0

    def count(_module: torch.nn.Module, _inputs: object, output: object) -> None:
        nonlocal total
        total += output.nbytes if isinstance(output, torch.Tensor) else 0

    leaves = [module for module in classifier.network.modules() if not list(module.children())]
    hooks = [module.register_forward_hook(count) for module in leaves]
    with torch.no_grad():
        classifier.logits_from_inputs(torch.zeros(1, 3, *classifier.preprocessing.size))
    for hook in hooks:
        hook.remove()
    return 2.0 * total


def rate(work: Callable[[], int], seconds: float) -> float:
    """How many a second: ``work`` is repeated for so long and says how many it did each time."""
    work()
    done, start = 0, time.perf_counter()
    while (passed := time.perf_counter() - start) < seconds or not done:
        done += work()
    return done / passed


def images_curve(classifier: snellen.Classifier, paths: Sequence[str], most: int, decoding: float) -> Curve:
    """Seconds to embed so many photographs from files, with the engine that ``snellen embed`` takes."""
    engine = choose_engine(classifier, "auto", "float32")
    counts = [count for count in (100, 300, 1000, 3000, 10_000) if count <= most] or [most]
    list(embed_each(engine, classifier, examples(paths, engine_warm_up(paths))))
    points = []
    for count in counts:
        start = time.perf_counter()
        for _ in embed_each(engine, classifier, examples(paths, count)):
            pass
        points.append((count, time.perf_counter() - start))
    return Curve("embedding", "photographs", "seconds", points, {"decoding": [count / decoding for count in counts]})


def engine_warm_up(paths: Sequence[str]) -> int:
    """So many photographs that every thread of the engine has been started."""
    return min(len(paths), 32)


def examples(paths: Sequence[str], count: int) -> list[Example]:
    """``count`` photographs, beginning again where there are fewer."""
    return [Example(path, None, path) for path in islice(cycle(paths), count)]


def decoding_rate(paths: Sequence[str], seconds: float, threads: int | None = None) -> float:
    """Photographs a second that so many threads decode; one for each core where not given."""
    return rate(lambda: sum(1 for _ in map_images(paths, read_array, threads)), seconds)


def size_curve(classifier: snellen.Classifier, most: float, seconds: float) -> Curve:
    """Seconds from one JPEG of so many megapixels to its answer."""
    sizes = [size for size in (0.1, 0.3, 1, 3, 6, 16) if size <= most] or [most]
    points, limit = [], []
    for size in sizes:
        data = photograph_of(size)

        def answer(data: bytes = data) -> int:
            with torch.no_grad():
                classifier.logits(read_pixels(data))
            return 1

        def decode(data: bytes = data) -> int:
            read_array(data)
            return 1

        points.append((size, 1 / rate(answer, seconds)))
        limit.append(1 / rate(decode, seconds))
    return Curve("one photograph", "megapixels", "seconds", points, {"decoding": limit})


def photograph_of(megapixels: float) -> bytes:
    """A JPEG of so many pixels: a bundled photograph, made larger."""
    with Image.open(bundled_photographs()[0].path) as image:
        width = round((megapixels * 1e6 * image.width / image.height) ** 0.5)
        height = round(megapixels * 1e6 / width)
        file = io.BytesIO()
        image.convert("RGB").resize((width, height)).save(file, "JPEG", quality=90)
    return file.getvalue()


def batch_curve(classifier: snellen.Classifier, most: int, product: float, memory: float, seconds: float) -> Curve:
    """Photographs a second through the eager network, in batches of so many."""
    points = []
    for batch in [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= most]:
        inputs = torch.rand(batch, 3, *classifier.preprocessing.size).to(memory_format=torch.channels_last)

        def work(inputs: torch.Tensor = inputs) -> int:
            with torch.no_grad():
                classifier.logits_from_inputs(inputs)
            return len(inputs)

        points.append((batch, rate(work, seconds)))
    limits = {
        "matrix products": [product / operations_of_pass(classifier)] * len(points),
        "memory": [memory / bytes_of_pass(classifier)] * len(points),
    }
    return Curve("the network", "photographs a batch", "photographs a second", points, limits)


def epsilon_curve(classifier: snellen.Classifier, most: int, product: float) -> Curve:
    """Seconds to make one photograph look like a space shuttle, within bounds of so many steps of 1/255.

    Each takes ``most`` gradients at most.
    """
    pixels = read_pixels(photograph_of(0.1))
    points, limit = [], []
    for steps in (1, 2, 4, 8, 16):
        start = time.perf_counter()
        config = AttackConfig("space shuttle", f"{steps}/255", steps=most)
        attacked = snellen.attack(classifier, pixels, config=config)
        points.append((steps, time.perf_counter() - start))
        # A gradient is a pass forward and one back, which is two products for each of the former's.
        limit.append(attacked.gradients * 3 * operations_of_pass(classifier) / product)
    return Curve("an attack", "bound, in steps of 1/255", "seconds", points, {"matrix products": limit})


def workers_curve(paths: Sequence[str], seconds: float) -> Curve:
    """Photographs decoded a second by so many threads; the limit is so many times one."""
    most = max(2, 2 * cores())
    points = [(count, decoding_rate(paths, seconds, count)) for count in range(1, most + 1)]
    limit = [points[0][1] * min(count, cores()) for count in range(1, most + 1)]
    return Curve("decoding", "threads", "photographs a second", points, {"one thread, times the cores": limit})


def draw(curves: Sequence[Curve], path: Path) -> None:
    """One picture a curve, what the machine allows as broken lines."""
    with styled():
        figure = new_figure(3.2 * 3, 2.8 * 2)
        grid = iter(figure.subplots(2, 3).flat)
        for curve, axes in zip(curves, grid, strict=False):
            along, values = zip(*curve.points, strict=True)
            axes.plot(along, values, marker=".", label="measured")
            for (name, limit), line in zip(curve.limits.items(), ("--", ":"), strict=False):
                axes.plot(along, limit, linestyle=line, color=GREY, label=name)
            axes.set_xscale("log")
            axes.set_yscale("log")
            axes.set_title(curve.title)
            axes.set_xlabel(curve.along)
            axes.set_ylabel(curve.measure)
            axes.set_xticks(along)
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            for axis in (axes.xaxis, axes.yaxis):
                axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
                axis.set_minor_locator(NullLocator())
            axes.legend()
        for axes in grid:
            axes.set_visible(False)
    write_figure(path, figure)


def main() -> None:
    """Measure, print, write, draw."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--images", type=int, default=10_000)
    parser.add_argument("--megapixels", type=float, default=16)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--data", default=str(HERE.parents[1] / "shared" / "data" / "imagenet-100"))
    parser.add_argument("--batch", type=int, default=64, help="the largest")
    parser.add_argument("--steps", type=int, default=100, help="gradients of an attack, at most")
    parser.add_argument("--side", type=int, default=SIDE, help="of the matrices")
    parser.add_argument("--out", type=Path, default=RESULT)
    parser.add_argument("--figure", type=Path, default=FIGURE)
    asked = parser.parse_args()
    paths = expand([asked.data])
    classifier = snellen.load(MODEL, device="cpu")
    precisions = dict.fromkeys(("float32", fastest_precision(classifier.device)))
    products = {precision: matrix_product_rate(precision, asked.side) for precision in precisions}
    memory, decoding = memory_rate(), decoding_rate(paths, asked.seconds)
    curves = [
        images_curve(classifier, paths, asked.images, decoding),
        size_curve(classifier, asked.megapixels, asked.seconds),
        batch_curve(classifier, asked.batch, products["float32"], memory, asked.seconds),
        epsilon_curve(classifier, asked.steps, max(products.values())),
        workers_curve(paths, asked.seconds),
    ]
    limits = {
        "operations_a_second_of_a_matrix_product": products,
        "bytes_a_second_of_memory": memory,
        "photographs_decoded_a_second": decoding,
        "operations_of_a_forward_pass": operations_of_pass(classifier),
    }
    result = {"model": MODEL, "threads": torch.get_num_threads(), "limits": limits, "curves": curves}
    write_json(asked.out, result | {"hardware": hardware(), "versions": versions()})
    draw(curves, asked.figure)
    for curve in curves:
        print(f"{curve.title}: " + ", ".join(f"{along:g}: {value:.3g}" for along, value in curve.points), flush=True)


if __name__ == "__main__":
    main()
