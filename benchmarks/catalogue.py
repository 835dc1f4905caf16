"""Every benchmark: what it promises, how it is run, whom it is compared with, and how its result becomes a table."""

from __future__ import annotations

import math
import re
import statistics
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from snellen.prose import counted
from snellen.web.limits import Limits

Result = Mapping[str, Any]
Rates = Mapping[str, float]
Rows = list[list[str]]
"""A table: its head, then its lines."""

DATA = "../shared/data"
HEAT_MAP_PEERS = ("torchcam==0.5.0", "grad-cam==1.5.7", "ttach", "opencv-python-headless")
ATTACK_PEERS = (
    "foolbox==3.3.4", "torchattacks==3.5.1", "adversarial-robustness-toolbox==1.20.1", "eagerpy", "GitPython", "gitdb",
    "smmap", "six",
)  # fmt: skip
PIPELINE_PEERS = ("transformers==5.23.0", "tokenizers==0.23.3", "regex")


@dataclass(frozen=True)
class Goal:
    """A number that was promised.

    Attributes:
        what: it is.
        value: of it in a result.
        bound: that it keeps to.
        most: whether the bound is one above; below, where not.
    """

    what: str
    value: Callable[[Result], float]
    bound: float
    most: bool = False

    def judged(self, result: Result) -> str:
        """Whether the result keeps the promise, in words."""
        value = self.value(result)
        if math.isnan(value):
            return f"{self.what} not measured, promised {self._wanted()}"
        kept = value <= self.bound if self.most else value >= self.bound
        return f"{self.what} {_number(value, 3)}, promised {self._wanted()}: {'kept' if kept else 'falls short'}"

    def _wanted(self) -> str:
        return f"{'at most' if self.most else 'at least'} {_number(self.bound, 6)}"


def _number(value: float, digits: int) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}g}"


@dataclass(frozen=True)
class Benchmark:
    """One comparison.

    Attributes:
        name: of it, and of its file in ``results/``.
        promise: what it is to show.
        command: arguments of Python, from the repository's root.
        minutes: about how long it takes on two cores.
        n: what stands behind each number.
        table: makes rows of its result.
        goals: the numbers that were promised.
        peers: what the package index must provide, without dependencies.
        only_by_name: whether it is run only where it is named, since it needs what few machines have.
        explained: why a promise is not kept, by what the result shows; empty where all are.
    """

    name: str
    promise: str
    command: str
    minutes: int
    n: Callable[[Result], str]
    table: Callable[[Result], Rows]
    goals: tuple[Goal, ...] = ()
    peers: tuple[str, ...] = ()
    only_by_name: bool = False
    explained: Callable[[Result], str] = lambda _: ""


def share(rate: Result) -> str:
    """A rate with its interval."""
    if not rate["n"]:
        return "none"
    return f"{rate['count']} of {rate['n']} ({rate['low']:.1%} to {rate['high']:.1%})"


def _start(result: Result) -> Rows:
    medians = [[name, f"{seconds:.3f} s"] for name, seconds in result["median_seconds"].items()]
    return [["process", "median"], *medians]


def _embed(result: Result) -> Rows:
    rates = result["images_per_second"]
    cosines = result["smallest_cosine"]
    rows = [
        [name, f"{rate:,.0f}", f"{rate / rates['timm, eager']:.2f}", f"{cosines[name]:.4f}" if name in cosines else ""]
        for name, rate in rates.items()
    ]
    return [["from files", "images a second", "times timm", "smallest cosine to timm"], *rows]


def _allowed(rates: Rates) -> float:
    """Images a second where the engine and the decoding take their turns on the same cores."""
    return 1 / (1 / rates["engine alone"] + 1 / rates["decoding alone"])


def _share_of_bound(rates: Rates, name: str) -> float:
    return rates[name] / _allowed(rates)


def _held_back(rates: Rates, promised: float) -> str:
    """Where the promised rate is more than the engine and the decoding allow: so much."""
    times = _allowed(rates) / rates["timm, eager"]
    if times >= promised:
        return ""
    return (
        f"{promised:g} times timm cannot be had here: the engine alone, on inputs that are ready, is "
        f"{rates['engine alone'] / rates['timm, eager']:.2f} times timm, and with the decoding in its turn {times:.2f}."
    )


def _features(result: Result) -> Rows:
    maps, heat = result["feature_maps"], result["heatmaps"]
    rows = [[name, f"{1000 * seconds:.1f} ms", ""] for name, seconds in maps["median_seconds"].items()]
    for name, milliseconds in heat["milliseconds_per_image"].items():
        correlation = heat["least_correlation"].get(name.partition(",")[0])
        rows.append(
            [f"Grad-CAM, {name}", f"{milliseconds:.1f} ms", "" if correlation is None else f"{correlation:.4f}"]
        )
    return [["work", "each", "least correlation with ours"], *rows]


def _figures(result: Result) -> Rows:
    steps = ("plot", "png", "svg", "matplotlib_png")
    rows = [
        [name, *(f"{one[step]:.0f} ms" for step in steps), f"{one['times']:.2f}"]
        for name, one in result["milliseconds"].items()
    ]
    return [["figure", "plotting", "PNG file", "SVG file", "Matplotlib's PNG file", "times Matplotlib's"], *rows]


def _evaluate(result: Result) -> Rows:
    rows = [[name, f"{rate:.1f}"] for name, rate in result["images_per_second"].items()]
    same = [f"{result['same_top_1']} of {result['images']}"]
    return [["way", "photographs a second"], *rows, ["the same top-1 as timm's", *same]]


def _corruptions(result: Result) -> Rows:
    rows = []
    for name, one in result["corruptions"].items():
        times, changes = one["milliseconds"], one["mean_change"]
        gap = "drawn" if one["largest_difference"] is None else str(one["largest_difference"])
        mean = [f"{changes[who]:.1f}" for who in ("snellen", "imagecorruptions")]
        rows.append([name, *(f"{times[who]:.1f}" for who in ("snellen", "imagecorruptions")), *mean, gap])
    head = ["corruption", "ms", "ms, imagecorruptions", "mean change", "theirs", "largest difference of 255"]
    return [head, *rows]


def _robustness(result: Result) -> Rows:
    rows = []
    for name, one in result["rows"].items():
        robust, seconds = one["robust"], one["seconds"]
        counts = [f"{robust[who]} of {one['images']}" for who in ("snellen", "reference")]
        times = [f"{seconds[who]:.0f}" for who in ("snellen", "reference", "our passes")]
        rows.append([name, str(one["clean"]), *counts, *times])
    return [
        ["network, norm, bound", "clean", "robust", "reference", "processor seconds", "reference", "our network's own"],
        *rows,
    ]


def _robustness_held_back(result: Result) -> str:
    """What part of the reference's time the network's own passes and gradients are, where half of it is not kept."""
    shares = [one["seconds"]["our passes"] / one["seconds"]["reference"] for one in result["rows"].values()]
    return (
        "Both ask the network as often. Its own passes and gradients alone take us "
        f"{min(shares):.0%} to {max(shares):.0%} of the reference's time."
    )


def _probe(result: Result) -> Rows:
    rows = []
    for name, one in result["results"].items():
        accuracy, fits = one["mean_per_class_accuracy"], one.get("fit_seconds", {})
        interval = f"{accuracy['value']:.3f} ({accuracy['low']:.3f} to {accuracy['high']:.3f})"
        times = ", ".join(f"{who} {1000 * seconds:.0f} ms" for who, seconds in fits.items())
        rows.append([name, interval, f"{one['n']}", times])
    return [["data set, change, classifier", "mean-per-class accuracy", "test images", "fit"], *rows]


def _train(result: Result) -> Rows:
    rates = [[name, f"{rate:,.0f}"] for name, rate in result["median_images_per_second"].items()]
    ratios = [
        ["snellen over stock", f"{result['times_stock']:.2f}"],
        ["snellen over fixed batch", f"{result['share_of_fixed_batch']:.0%}"],
    ]
    return [["loop", "images a second"], *rates, *ratios]


def _attack_speed(result: Result) -> Rows:
    rows = [[name, f"{rate:.1f}", share(result["successes"][name])] for name, rate in result["medians"].items()]
    rows.append(["matrix products of as many alone", f"{result['gradients_a_second_of_matrix_products']:.1f}", ""])
    return [["attack", "gradients a second", "successes"], *rows]


_SPEED_GOAL = 4


def _speed_held_back(result: Result) -> str:
    """How many times the best peer's gradients could be had at most."""
    best = result["medians"][result["engine"]] / result["ratio_to_best_peer"]
    most = result["gradients_a_second_of_matrix_products"] / best
    if result["ratio_to_best_peer"] >= _SPEED_GOAL:
        return ""
    return f"At the rate of one large matrix product at most {most:.1f} times the best peer's could be had in float32."


def _attack_success(result: Result) -> Rows:
    ours = result["snellen"]
    rows = [["snellen", "", share(ours["as a file"]), f"{ours['seconds']:.0f} s"]]
    for name, peer in result["peers"].items():
        rows.append([name, share(peer["as input"]), share(peer["as a file"]), f"{peer['seconds']:.0f} s"])
    return [["attack", "success as input", "success as a file", "time"], *rows]


def _attack_robust(result: Result) -> Rows:
    rows = [[name, share(both["robust"]), share(both["plain"])] for name, both in result["by_transform"].items()]
    return [["transform, held-out draws", "robust attack", "plain attack"], *rows]


def _attack_curve(result: Result) -> Rows:
    rows = [[f"{steps}/255", share(rate)] for steps, rate in result["success_rates"]["curve"]]
    return [["smallest bound that is enough", "photographs"], *rows]


def _attack_peppers(result: Result) -> Rows:
    return [
        ["seconds", "peak memory", "bound"],
        [f"{result['seconds']:.1f}", f"{result['peak_gigabytes']:.2f} GB", f"{result['epsilon']}/255"],
    ]


def _transfer(result: Result) -> Rows:
    models = [*result["held_out"], *result["sources"]]
    rows = []
    for bound, of_bound in result["rates"].items():
        for who, one in of_bound.items():
            fooled = [share(one["fooled"][model]) for model in models]
            rows.append([bound, who, str(one["photographs"]), *fooled, f"{one['seconds_a_photograph']:.1f}"])
    names = [f"{model}{', a source' if model in result['sources'] else ''}" for model in models]
    return [["bound", "attack", "photographs", *names, "processor seconds a photograph"], *rows]


def _gpu(result: Result) -> Rows:
    rows = []
    for name, one in result["pieces"].items():
        found = one.get("error") or one.get("summary") or one.get("gpu") or ""
        if "medians" in one:
            found = "; ".join(f"{way}: {rate:,.0f} a second" for way, rate in one["medians"].items())
        elif "training_seconds" in one:
            found = _trained(one)
        elif "runs" in one:
            found = "; ".join(map(_trained, one["runs"]))
        rows.append([name, found or "done", f"{one['seconds']:.0f}" if "seconds" in one else ""])
    return [["piece", "found", "seconds in all"], *rows]


def _trained(run: Result) -> str:
    """Accuracy and seconds of one training."""
    plain, tta = (
        run[key] if isinstance(run[key], float) else run[key]["share"] for key in ("accuracy", "accuracy_tta")
    )
    notes = "".join(f" ({note})" for note in run.get("notes", ()))
    return f"{plain:.2%}, {tta:.2%} with test-time augmentation, {run['training_seconds']:.1f} s{notes}"


def _attack_over_peers(result: Result) -> float:
    """Our gradients a second over the best peer's; not a number where either has no result."""
    medians = result["pieces"].get("attack", {}).get("medians", {})
    ours = [rate for name, rate in medians.items() if name.startswith("snellen")]
    peers = [rate for name, rate in medians.items() if not name.startswith("snellen")]
    return max(ours) / max(peers) if ours and peers else float("nan")


def _airbench_over_quick(result: Result) -> float:
    """How many times as long airbench94 trains as the quick `deep`; not a number where either has no result."""
    pieces = result["pieces"]
    deep: list[float] = [one["training_seconds"] for one in pieces.get("quick", {}).get("runs", [])]
    peer: list[float] = [run["training_seconds"] for run in pieces.get("airbench94", {}).get("runs", [])]
    return statistics.median(peer) / statistics.median(deep) if peer and deep else float("nan")


def _gpu_accuracy(*names: str) -> Callable[[Result], float]:
    """The mean accuracy of pieces of training; not a number where one has no result."""

    def value(result: Result) -> float:
        pieces = [result["pieces"].get(name, {}) for name in names]
        found: list[float] = [piece.get("accuracy", {}).get("share", float("nan")) for piece in pieces]
        return statistics.mean(found)

    return value


def _ablations(result: Result) -> Rows:
    rows = []
    for one in result["rows"].values():
        ended = [seed for seed in one["seeds"].values() if "accuracy" in seed]
        accuracies = ", ".join(f"{seed['accuracy']['share']:.2%}" for seed in ended)
        rows.append([one["what"], accuracies, f"{statistics.mean(seed['seconds'] for seed in ended) / 60:.1f}"])
    return [["recipe", "held-out accuracy of each seed", "minutes"], *rows]


def _normalisation(result: Result) -> Rows:
    groups: dict[tuple[Any, ...], list[Result]] = {}
    for one in result["rows"].values():
        groups.setdefault((one["stage"], one["network"], one["rate"], one["start"], one["epochs"]), []).append(one)
    rows = []
    for (stage, network, rate, start, epochs), trained in groups.items():
        ended = [one for one in trained if "losses" in one]
        losses = ", ".join(f"{one['losses'][-1]:.3f}" for one in ended) or "diverged"
        accuracies = ", ".join(f"{one['accuracy']['share']:.2%}" for one in ended)
        rows.append([stage, network, f"{rate:g}", start, str(epochs), losses, accuracies])
    return [["stage", "network", "peak rate", "start", "epochs", "last loss of each seed", "accuracy of each"], *rows]


def _held_out(result: Result) -> Rows:
    rows = []
    for name, one in result["rows"].items():
        recipe = one["recipe"]
        rate = recipe["optimiser"]["learning_rate"]
        learned = f"{one['training_accuracy']:.2%}"
        held = [share(one[key]) for key in ("accuracy", "accuracy_tta")]
        rows.append([name, str(recipe["epochs"]), f"{rate:g}", learned, *held, one["hardware"]])
    head = ["run", "epochs", "rate", "training accuracy", "held out", "the same with TTA", "trained on"]
    return [head, *rows]


def _pairs(result: Result) -> Rows:
    rows = [
        [*pair["runs"], *(f"{share:.2%}" for share in (*pair["accuracies"], pair["together"]))]
        for pair in result["pairs"]
    ]
    return [["one", "other", "one alone", "other alone", "their mean"], *rows]


def _time_to_accuracy(result: Result) -> Rows:
    rows = [
        [name, f"{curve['seconds'][-1] / 60:.1f}", f"{curve['held_out_accuracy'][-1]:.2%}"]
        for name, curve in result["curves"].items()
    ]
    return [["network", "minutes", "held-out accuracy"], *rows]


def _faults(result: Result) -> Rows:
    rows = []
    for name, one in result["commands"].items():
        same = "the same" if not one["differences"] else f"differ: {', '.join(one['differences'])}"
        rows.append([name, str(len(one["kills"])), str(one["rounds"]), str(one["files"]), same])
    return [["command", "kills", "runs", "files of each", "beside the undisturbed run"], *rows]


def _differences(result: Result) -> float:
    return float(sum(len(one["differences"]) for one in result["commands"].values()))


def _findings(result: Result) -> float:
    return float(sum(len(one["findings"]) for one in result["targets"].values()))


def _fewest_files(result: Result) -> float:
    return float(min(one["files"] for one in result["targets"].values()))


def _fuzz(result: Result) -> Rows:
    rows = [
        [
            name, f"{one['read']:,}", f"{one['refused']:,}", f"{one['slowest_seconds']:.2f} s",
            f"{one['peak_mebibytes']:.0f} MiB", str(len(one["findings"])),
            one["versions"]["pillow"], one["hardware"],
        ]
        for name, one in result["targets"].items()
    ]  # fmt: skip
    return [["kind", "read", "refused", "slowest", "peak memory", "findings", "Pillow", "hardware"], *rows]


def _over_bare_import(result: Result, when: str) -> float:
    ratios: list[float] = [one["page"][when] / one["bare"]["clock"] for one in result["starts"]]
    return statistics.median(ratios)


def _slowest_live(result: Result) -> float:
    return float(result["live_processor_seconds"]["224 pixels"]["slowest"])


def _page(result: Result) -> Rows:
    page, bare = ([one[who] for one in result["starts"]] for who in ("page", "bare"))
    seconds = {
        "torch, timm, starlette and uvicorn are imported": [one["clock"] for one in bare],
        "the page answers": [one["listening_clock"] for one in page],
        "its model answers": [one["clock"] for one in page],
        "... in processor time": [one["processor"] for one in page],
        "... and of the bare import": [one["processor"] for one in bare],
    }
    live = {f"a live answer, {size}": one["median"] for size, one in result["live_processor_seconds"].items()}
    medians = {what: statistics.median(some) for what, some in seconds.items()} | live
    return [["what", "median"], *([what, f"{value:.2f} s"] for what, value in medians.items())]


def _load(result: Result) -> Rows:
    rows = []
    for kind, one in result["requests"].items():
        wanted = "answered" if one["good"] else "refused"
        times = [f"{one[key]:.1f} s" for key in ("median_seconds", "slowest_seconds")] if one["asked"] else ["", ""]
        rows.append([kind, wanted, f"{one['right']:,} of {one['asked']:,}", *times])
    return [["request", "is to be", "was", "median, with the queue", "slowest"], *rows]


def _amiss(result: Result) -> float:
    return float(sum(one["asked"] - one["right"] for one in result["requests"].values()))


def _broken(result: Result) -> float:
    return float(sum(count for status, count in result["statuses"].items() if status.startswith("5")))


def _growth(result: Result) -> float:
    memory = result["memory_mebibytes"]
    return float(memory["last_fifth"] / memory["second_fifth"])


def _limits_whole(result: Result) -> Rows:
    rows = [
        [
            name,
            f"{result['images'] / seconds['clock']:.2f}",
            f"{result['images'] / seconds['processor']:.2f}",
            str(result["steps_of_peers"].get(name, "until it is fooled")),
        ]
        for name, seconds in result["seconds"].items()
    ]
    limits = result["limits"]
    least = limits["operations_of_all_gradients"] / limits["operations_a_second_of_a_matrix_product"]
    rows.append(["matrix products of our gradients alone", f"{result['images'] / least:.2f}", "", ""])
    rows.append(["decoding alone", f"{limits['photographs_decoded_a_second']:.0f}", "", ""])
    return [["from files to verified files", "photographs a second", "a second of one processor", "steps"], *rows]


def _limits_large(result: Result) -> Rows:
    decode = result["seconds"]["decode"]
    rows = [
        [
            name,
            *(f"{seconds[clock]:.2f} s" for clock in ("clock", "processor")),
            f"{seconds['processor'] / decode['processor']:.1f}",
        ]
        for name, seconds in result["seconds"].items()
    ]
    exact = result["exact_processor_seconds"]
    rows.append(["stress, the exact way", "", f"{exact:.2f} s", f"{exact / decode['processor']:.1f}"])
    return [["16 megapixels", "by the clock", "of the processors", "times decoding"], *rows]


def _limits_networks(result: Result) -> Rows:
    rows = []
    rate = result["limits"]["operations_a_second_of_a_matrix_product"]
    for name, one in result["networks"].items():
        times = one["seconds_of_a_gradient"]
        spent = [f"{1000 * times[way]['clock']:.0f} ms" for way in ("eager", "fused", "graph")]
        least = f"{1000 * one['operations_of_a_gradient'] / rate:.0f} ms"
        making = f"{one['processor_seconds_of_making']:.0f} s"
        rows.append([name, *spent, least, f"{_times_the_peers(one):.2f}", making])
    head = [
        "network",
        "as peers do",
        "fused copy",
        "graph",
        "its products alone",
        "peers over graph",
        "making the graph",
    ]
    return [head, *rows]


def _times_the_peers(one: Result) -> float:
    times = one["seconds_of_a_gradient"]
    return float(times["eager"]["clock"] / times["graph"]["clock"])


def _networks_held_back(result: Result) -> str:
    """How many times the peers could be had at most, at the rate of one large matrix product."""
    rate = result["limits"]["operations_a_second_of_a_matrix_product"]
    most = {
        name: one["seconds_of_a_gradient"]["eager"]["clock"] * rate / one["operations_of_a_gradient"]
        for name, one in result["networks"].items()
    }
    told = ", ".join(f"{name} {times:.1f}" for name, times in most.items())
    return f"At the rate of one large matrix product at most so many times the peers could be had: {told}."


def _convolutions(result: Result) -> Rows:
    rows = []
    for name, one in result["layers"].items():
        times = [f"{_over_torch(one, way):.2f}" for way in ("learning", "attacking")]
        errors = [f"{one['furthest_from_double'][way]:.1e}" for way in ("PyTorch", "Winograd")]
        rows.append([name, *times, *errors, "yes" if one["worth_it"] else "no"])
    head = ["layer", "learning", "attacking", "error of PyTorch", "error of Winograd", "is taken"]
    return [head, *rows]


def _over_torch(layer: Result, way: str) -> float:
    seconds = layer["seconds"]
    return float(seconds[f"{way}, PyTorch"] / seconds[f"{way}, Winograd"])


def _least_taken(result: Result, way: str) -> float:
    return min(_over_torch(one, way) for one in result["layers"].values() if one["worth_it"])


_WHOLE_GOAL = 4


def _whole_held_back(result: Result) -> str:
    """How far from the promise a whole attack by the clock is, and what the gradients alone would take."""
    ratio = result["ratios_to_best_peer"]["clock"]
    if ratio >= _WHOLE_GOAL:
        return ""
    limits, taken = result["limits"], result["seconds"]["snellen"]["clock"]
    least = limits["operations_of_all_gradients"] / limits["operations_a_second_of_a_matrix_product"]
    return (
        f"By the clock it is {ratio:.2f} times: of our {taken:.1f} s the products of the gradients alone would take "
        f"{least:.1f} s at the rate of one large matrix product, so at most {ratio * taken / least:.1f} times can be "
        "had here with as many gradients."
    )


def _undecided(result: Result) -> str:
    """Where the time goes, and how far the network's input of the furthest answer is from the exact one."""
    furthest, tenth = result["furthest"], result["exact_processor_seconds"] / 10
    stress = result["seconds"]["stress"]["processor"]
    dearest = sorted(result["seconds_of_transforms"].items(), key=lambda named: -named[1])[:4]
    spent = ", ".join(f"{name} {seconds:.1f} s" for name, seconds in dearest)
    single = ": no single one is what is over" if dearest[0][1] < stress - tenth else ""
    return (
        f"A tenth of the exact way would be {tenth:.1f} s; of the {stress:.1f} s the dearest transforms take "
        f"{spent}{single}. Furthest is the answer under {furthest['transform']}: what the network is given differs "
        f"there by {furthest['levels']:.2f} of 255 levels on the mean."
    )


def _memory(result: Result) -> Rows:
    rows = [[name, *(f"{peak:,.0f} MiB" for peak in peaks)] for name, peaks in result["peak_mebibytes"].items()]
    return [["command", *(f"{count} photographs" for count in result["photographs"])], *rows]


def _cost(result: Result) -> Rows:
    rows = []
    for curve in result["curves"]:
        for number, (along, value) in enumerate(curve["points"]):
            limits = ", ".join(f"{name} {limit[number]:,.3g}" for name, limit in curve["limits"].items())
            rows.append([curve["title"], f"{along:,g} {curve['along']}", f"{value:,.3g} {curve['measure']}", limits])
    return [["what", "of so many", "takes or does", "what the machine allows"], *rows]


def _archive(result: Result) -> Rows:
    rows = []
    for name, one in result["archives"].items():
        times = [f"{one[key]:.1f} s" for key in ("open_seconds", "open_again_seconds")]
        memory = f"{one['memory_growth_mebibytes']:.0f} MiB"
        rows.append([name, f"{one['images']:,.0f}", *times, f"{one['images_per_second']:,.0f}", memory])
    return [["archive", "images", "opened", "opened again", "images a second", "memory"], *rows]


_TRAINING_GOALS = (
    Goal("times the stock loop:", lambda result: result["times_stock"], 2),
    Goal("share of the fixed batch:", lambda result: result["share_of_fixed_batch"], 0.85),
)


def _training(network: str, options: str = "") -> Benchmark:
    return Benchmark(
        f"train-{network}",
        f"Images a second of training `{network}`, beside a stock loop and one that feeds a fixed batch.",
        f"benchmarks/train.py --network {network}{options}",
        3,
        lambda result: f"{result['rounds']} interleaved rounds of {result['images']:,} images",
        _train,
        _TRAINING_GOALS if network == "plain" else (),
    )


def _robust(steps: int) -> Benchmark:
    return Benchmark(
        f"attack-robust-{steps}-255",
        f"Robust attacks within {steps}/255 survive transforms that were not drawn while they were made.",
        f"benchmarks/attack.py robust --epsilon {steps}/255",
        5,
        lambda result: f"{result['images']} photographs",
        _attack_robust,
    )


def _zoo(result: Result) -> Rows:
    lines = result["lines"].values()
    works = [line for line in lines if line["works"]]
    rows = [["families", "tried", "work", "features by OpenVINO", "CPU seconds of each, median"]]
    seconds = sorted(line["seconds"] for line in works)
    by_openvino = sum(line["engine"] == "openvino" for line in works)
    counts = [len(result["families"]), len(lines), len(works), by_openvino]
    return [*rows, [*map(str, counts), f"{seconds[len(seconds) // 2]:.1f}"]]


def _not_working(result: Result) -> str:
    """Which families do not work, and why."""
    reasons = {name: line["reason"] for name, line in result["lines"].items() if not line["works"]}
    return " ".join(f"{name}: {re.sub(r'/[^ ]*/', '', reason)}." for name, reason in reasons.items())


def _do_not_work(result: Result) -> float:
    return sum(not line["works"] for line in result["lines"].values())


BENCHMARKS = (
    Benchmark(
        "start",
        "How soon each command answers from a cold start, beside importing what it stands on.",
        "benchmarks/start.py",
        8,
        lambda result: f"{result['repeats']} interleaved starts of each",
        _start,
        (
            Goal("help over its imports", lambda result: result["help_over_its_imports"], 3, most=True),
            Goal("seconds of a refused option", lambda result: result["refused_seconds"], 0.5, most=True),
            Goal(
                "classify over importing torch and timm",
                lambda result: result["classify_over_its_imports"],
                1.5,
                most=True,
            ),
        ),
    ),
    Benchmark(
        "embed",
        "From files to features, beside timm's eager loop, the engine alone and a pipeline of Hugging Face.",
        f"benchmarks/embed.py --data {DATA}/imagenet-100",
        5,
        lambda result: f"{result['rounds']} interleaved rounds of {result['images']} photographs",
        _embed,
        (
            Goal("times timm", lambda result: result["times_timm"], 8),
            Goal(
                "share of what the engine and decoding in turns allow",
                lambda result: _share_of_bound(result["images_per_second"], "snellen"),
                0.9,
            ),
            Goal("smallest cosine", lambda result: result["smallest_cosine"]["snellen"], 0.999),
        ),
        PIPELINE_PEERS,
        explained=lambda result: _held_back(result["images_per_second"], 8),
    ),
    Benchmark(
        "archive",
        "Archives of 60,000 images are read in place: CIFAR-10 as published, and class folders in a .tar.gz.",
        f"benchmarks/archive.py --data {DATA}/cifar10",
        3,
        lambda result: f"1 pass over each; other work on the machine: load average {result['load_average']:.1f}",
        _archive,
    ),
    Benchmark(
        "features",
        "Fifteen maps beside a plain forward pass; Grad-CAM beside two peers, each at its better batch size.",
        f"benchmarks/features.py {DATA}/imagenet-100",
        3,
        lambda result: (
            f"{result['feature_maps']['repeats']} repeats; {result['heatmaps']['rounds']} interleaved rounds of "
            f"{result['heatmaps']['images']} photographs"
        ),
        _features,
        (
            Goal("maps, in forward passes,", lambda result: result["feature_maps"]["ratio"], 1.3, most=True),
            Goal("Grad-CAM, times a peer,", lambda result: min(result["heatmaps"]["times_as_fast"].values()), 1),
            Goal("least correlation", lambda result: min(result["heatmaps"]["least_correlation"].values()), 0.99),
        ),
        HEAT_MAP_PEERS,
    ),
    Benchmark(
        "figures",
        "What drawing costs in processor time, a file beside Matplotlib's own of the same figure.",
        "benchmarks/figures.py",
        1,
        lambda result: f"median of {result['rounds']} interleaved rounds",
        _figures,
        (
            Goal(
                "least times Matplotlib's",
                lambda result: min(one["times"] for one in result["milliseconds"].values()),
                1.1,
            ),
        ),
    ),
    Benchmark(
        "probe",
        "What each change to the probe is worth, and its fit beside scikit-learn's default.",
        f"benchmarks/probe.py --data {DATA}",
        15,
        lambda result: f"{len(result['results'])} probes",
        _probe,
    ),
    _training("plain"),
    _training("batchnorm"),
    _training("deep", " --batch 500 --images 1000 --rounds 5"),
    Benchmark(
        "attack-speed",
        "Gradients a second, beside the peers on the same network, photographs and bound.",
        "benchmarks/attack.py speed",
        3,
        lambda result: f"{result['repeats']} interleaved repeats of {result['images']} x {result['steps']} gradients",
        _attack_speed,
        (Goal("gradients a second over the best peer's", lambda result: result["ratio_to_best_peer"], _SPEED_GOAL),),
        explained=_speed_held_back,
        peers=ATTACK_PEERS,
    ),
    Benchmark(
        "attack-success",
        "The saved file still fools the model; of the peers' as input and as a file.",
        "benchmarks/attack.py success",
        16,
        lambda result: f"{result['images']} photographs, {result['steps']} gradients, {result['epsilon']}/255",
        _attack_success,
        (Goal("success as a file", lambda result: result["snellen"]["as a file"]["share"], 0.95),),
        ATTACK_PEERS,
    ),
    _robust(4),
    _robust(8),
    Benchmark(
        "attack-curve",
        "The smallest bound within which each photograph is seen as its target.",
        "benchmarks/attack.py curve",
        3,
        lambda result: f"{result['images']} photographs, those that were correct counted",
        _attack_curve,
    ),
    Benchmark(
        "transfer",
        "One file made on two networks fools others, beside the peers' transfer attacks as saved files.",
        "benchmarks/transfer.py",
        170,
        lambda result: (
            f"{result['steps']} gradients of each source; untargeted; those that were correct counted; all peers on "
            "the first ten photographs, and the one that was best there on as many as ours; other work on the machine"
        ),
        _transfer,
        peers=ATTACK_PEERS,
    ),
    Benchmark(
        "attack-peppers",
        "Time and memory of attacking a photograph of 16 megapixels.",
        "benchmarks/attack.py peppers",
        1,
        lambda _: "1 photograph",
        _attack_peppers,
    ),
    Benchmark(
        "limits-whole",
        "Whole attacks, from files to verified files, beside the peers doing the least that compares.",
        "benchmarks/limits.py whole",
        10,
        lambda result: (
            f"{result['rounds']} interleaved rounds of {result['images']} photographs, {result['fooled']} fooled by "
            f"ours, {result['gradients']} gradients; {result['engine']}"
        ),
        _limits_whole,
        (
            Goal(
                "times the best peer, by the clock", lambda result: result["ratios_to_best_peer"]["clock"], _WHOLE_GOAL
            ),
            Goal(
                "times the best peer, of the processors",
                lambda result: result["ratios_to_best_peer"]["processor"],
                _WHOLE_GOAL,
            ),
        ),
        ATTACK_PEERS,
        explained=_whole_held_back,
    ),
    Benchmark(
        "limits-large",
        "A photograph of 16 megapixels costs little more than its decoding, and its answers stay the exact ones.",
        "benchmarks/limits.py large",
        5,
        lambda result: f"{result['rounds']} interleaved rounds; {sum(result['transforms'].values())} transforms",
        _limits_large,
        (
            Goal("classify over decoding", lambda result: result["classify_over_decode"], 5, most=True),
            Goal(
                "processor time of stress over that of the exact way",
                lambda result: result["seconds"]["stress"]["processor"] / result["exact_processor_seconds"],
                0.1,
                most=True,
            ),
            Goal(
                "furthest class probability from the exact one",
                lambda result: result["furthest"]["probability"],
                0.03,
                most=True,
            ),
        ),
        explained=_undecided,
    ),
    Benchmark(
        "convolutions",
        "Wide 3 x 3 convolutions by Winograd's algorithm: how many times as fast as PyTorch's, and the errors of both "
        "(of gradients, beside double precision, over the largest value).",
        "benchmarks/convolutions.py",
        2,
        lambda result: f"{result['rounds']} interleaved rounds, by the clock, in float32",
        _convolutions,
        (
            Goal("least gain in learning of what is taken", lambda result: _least_taken(result, "learning"), 1.3),
            Goal("least gain in attacking", lambda result: _least_taken(result, "attacking"), 1),
        ),
    ),
    Benchmark(
        "limits-networks",
        "A gradient of networks of other kinds, with random weights: as the peers ask PyTorch, and as we do.",
        "benchmarks/limits.py networks",
        5,
        lambda result: f"{result['rounds']} interleaved rounds of {result['batch']} inputs, by the clock",
        _limits_networks,
        (
            Goal(
                "least times the peers",
                lambda result: min(map(_times_the_peers, result["networks"].values())),
                4,
            ),
        ),
        explained=_networks_held_back,
    ),
    Benchmark(
        "memory",
        "The most memory of each command does not grow with the number of photographs.",
        "benchmarks/memory.py",
        6,
        lambda _: "1 start of each",
        _memory,
        (
            Goal(
                "most for four times as many photographs, over the least,",
                lambda result: max(many / few for few, many in result["peak_mebibytes"].values()),
                1.25,
                most=True,
            ),
        ),
    ),
    Benchmark(
        "cost",
        "How cost grows, beside what the machine allows.",
        f"benchmarks/cost.py --data {DATA}/imagenet-100",
        10,
        lambda _: "one run, also [as curves](images/cost.png)",
        _cost,
    ),
    Benchmark(
        "faults",
        "Killed at random moments, every long command goes on and ends where the undisturbed one ends.",
        "benchmarks/faults.py",
        30,
        lambda result: f"{result['kills']} kills",
        _faults,
        (Goal("kills", lambda result: result["kills"], 50), Goal("files that differ", _differences, 0, most=True)),
    ),
    Benchmark(
        "page",
        "The page answers at once, its model is there about as soon as a bare import ends, and a slider is followed.",
        "benchmarks/page.py",
        2,
        lambda result: f"{result['repeats']} starts in turns with the import, 90 live answers of each size",
        _page,
        (
            Goal(
                "the page over a bare import, by the clock",
                lambda result: _over_bare_import(result, "listening_clock"),
                1.5,
                True,
            ),
            Goal(
                "its model over a bare import, by the clock",
                lambda result: _over_bare_import(result, "clock"),
                1.5,
                True,
            ),
            Goal("the slowest live answer, in seconds of processor time", _slowest_live, 0.3, True),
        ),
    ),
    Benchmark(
        "load",
        "The page with fifty clients at once, good and bad requests mixed.",
        "benchmarks/load.py",
        6,
        lambda result: f"{result['clients']} clients for {result['seconds'] / 60:.1f} minutes",
        _load,
        (
            Goal("clients", lambda result: result["clients"], 50),
            Goal("answers of status 5xx", _broken, 0, most=True),
            Goal("requests answered otherwise", _amiss, 0, most=True),
            Goal("memory of the last fifth over the second", _growth, 1.05, most=True),
        ),
    ),
    Benchmark(
        "load_large",
        "The page for an hour with eight visitors at once, whose photographs have 20 to 48 megapixels.",
        "benchmarks/load.py --mix large --clients 8 --minutes 60 --out benchmarks/results/load_large.json",
        70,
        lambda result: f"{result['clients']} clients for {result['seconds'] / 60:.1f} minutes",
        _load,
        (
            Goal(
                "MiB of memory at most",
                lambda result: result["memory_mebibytes"]["most"],
                Limits().mebibytes,
                most=True,
            ),
            Goal("answers of status 5xx", _broken, 0, most=True),
            Goal("requests answered otherwise", _amiss, 0, most=True),
        ),
    ),
    Benchmark(
        "evaluate",
        "Accuracy on labelled photographs in a fifth of the time of timm's validation, with the same top-1.",
        f"benchmarks/evaluate.py --data {DATA}/imagenet-100",
        3,
        lambda result: f"{result['images']} photographs",
        _evaluate,
        (
            Goal("times timm", lambda result: result["times_timm"], 5),
            Goal("share of the same top-1", lambda result: result["same_top_1"] / result["images"], 1),
            Goal(
                "share of what the engine and decoding in turns allow",
                lambda result: _share_of_bound(result["images_per_second"], "snellen, from files"),
                0.8,
            ),
        ),
        explained=lambda result: _held_back(result["images_per_second"], 5),
    ),
    Benchmark(
        "corruptions",
        "The corruptions of ImageNet-C by the same definitions as `imagecorruptions`, three times as fast.",
        f"benchmarks/corruptions.py --data {DATA}/imagenet-100",
        4,
        lambda result: f"{result['images']} photographs, five severities",
        _corruptions,
        (Goal("times imagecorruptions", lambda result: result["times_imagecorruptions"], 3),),
        peers=("imagecorruptions==1.1.2", "opencv-python-headless", "numba", "llvmlite", "setuptools<81"),
    ),
    Benchmark(
        "robustness",
        "Robust accuracy equal to the reference implementation's, in half of its time.",
        f"benchmarks/robustness.py --data {DATA}/cifar10",
        60,
        lambda _: "each row's count",
        _robustness,
        (
            Goal(
                "largest difference of a count",
                lambda result: max(
                    abs(one["robust"]["snellen"] - one["robust"]["reference"]) for one in result["rows"].values()
                ),
                1,
                most=True,
            ),
            Goal(
                "share of the reference's time",
                lambda result: max(
                    one["seconds"]["snellen"] / one["seconds"]["reference"] for one in result["rows"].values()
                ),
                0.5,
                most=True,
            ),
        ),
        peers=("pyautoattack==0.2.0", "robustbench==1.1.1", "requests", "tqdm"),
        explained=_robustness_held_back,
    ),
    Benchmark(
        "fuzz",
        "Whatever the bytes, a file is read or refused in one line, within two seconds and the stated memory.",
        "-m tests.fuzz",
        15,
        lambda result: f"{_fewest_files(result):,.0f} mutated files of each kind",
        _fuzz,
        (
            Goal("files of each kind", _fewest_files, 100_000),
            Goal("findings", _findings, 0, most=True),
        ),
    ),
    Benchmark(
        "zoo",
        "A small network of each family of timm's and torchvision's, with random weights, through all that there is.",
        "benchmarks/zoo.py",
        25,
        lambda _: "1 network of each family, 1 photograph",
        _zoo,
        (Goal("families that do not work", _do_not_work, 0, most=True),),
        explained=_not_working,
    ),
    Benchmark(
        "held_out",
        "What recipes were chosen by: images held out of training. A row's name makes it again.",
        f"benchmarks/held_out.py {DATA}/cifar10 plain batchnorm deep",
        60,
        lambda _: "1 run of each",
        _held_out,
    ),
    Benchmark(
        "pairs",
        "What two independently trained networks are worth together, on images held out of training.",
        f"benchmarks/pairs.py {DATA}/cifar10",
        1,
        lambda result: f"{result['held_out_images']:,} images",
        _pairs,
    ),
    Benchmark(
        "normalisation",
        "What batch normalisation changes: at equal settings, each network at its own best rate, the loss after one "
        "epoch against the rate; the first two stages on images held out of training.",
        f"benchmarks/normalisation.py {DATA}/cifar10",
        900,
        lambda result: (
            "3 seeds of one epoch at each rate, 2 of the search and the lengths, "
            f"{result['seeds']} of the runs; {result.get('images') or 'all'} training images"
        ),
        _normalisation,
    ),
    Benchmark(
        "ablations",
        "What each choice of the recipe `deep`, narrower and shorter, is worth on images held out of training.",
        f"benchmarks/ablations.py {DATA}/cifar10 --short --seeds 1",
        36,
        lambda result: (
            f"{counted(len(result['rows']['base']['seeds']), 'seed')} of {result['base']['epochs']} epochs, "
            f"{result['held_out_images']:,} images"
        ),
        _ablations,
    ),
    Benchmark(
        "gpu",
        "What a GPU makes of it: training beside airbench, attacks and features beside their peers, in ten minutes.",
        "benchmarks/gpu.py",
        10,
        lambda _: "1 run of each; 3 seeds of deep, and of airbench94",
        _gpu,
        (
            Goal("times as long as the quick deep that airbench94 trains:", _airbench_over_quick, 1),
            Goal("mean accuracy of deep", _gpu_accuracy("deep-0", "deep-1", "deep-2"), 0.9401),
            Goal("accuracy of the long run", _gpu_accuracy("deep-long"), 0.96),
            Goal("times the best peer's gradients a second", _attack_over_peers, 1),
        ),
        peers=(*ATTACK_PEERS, "airbench==0.1.8"),
        only_by_name=True,
    ),
    Benchmark(
        "time_to_accuracy",
        "The recipe `deep` beside a stock ResNet-18 given the same time.",
        f"benchmarks/time_to_accuracy.py {DATA}/cifar10 --minutes 10",
        21,
        lambda _: "1 run of each",
        _time_to_accuracy,
    ),
)
