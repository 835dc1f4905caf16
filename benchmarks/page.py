"""How soon the page is there and how soon it answers, in processor time, so that a busy machine changes little.

    python benchmarks/page.py [--repeats 5]

Starts `snellen serve` and a bare import of what it needs (torch, timm, starlette, uvicorn) in turn, and reads the
processor time of each; then answers every transform at every strength of its ladder, as the page does while a strength
is dragged. Writes benchmarks/results/page.json. The promises: the page is ready within 1.5 times the bare import, and a
live answer takes at most 0.3 s for a photograph at the network's size.
"""

import argparse
import json
import os
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from snellen.data.photographs import bundled_photographs
from snellen.data.transforms import TRANSFORMS
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions
from snellen.web.folder import Folder
from snellen.web.limits import Limits
from snellen.web.live import LIVE_SIDE, LiveTransforms
from snellen.web.state import open_state
from start import DECLARED

MODEL = "tf_efficientnet_lite0"
BARE = f"{DECLARED}\nimport starlette.applications, uvicorn"
_TICKS = os.sysconf("SC_CLK_TCK")


def processor_seconds(process: int) -> float:
    """Processor time that a process has taken so far, its children's left out."""
    fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def bare_import() -> dict[str, float]:
    """What importing alone takes."""
    began = time.perf_counter()
    program = f"{BARE}\nimport time; print(time.process_time())"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    return {"processor": float(done.stdout), "clock": time.perf_counter() - began}


def page_start() -> dict[str, float]:
    """What the page takes until it says its address, and until its models are loaded."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "snellen", "serve", "--model", MODEL, "--device", "cpu", "--port", str(port)]
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as home, subprocess.Popen(
        command, env=os.environ | {"TMPDIR": home}, stdout=subprocess.PIPE, text=True
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline().startswith("The page is ")
        took = {"listening_processor": processor_seconds(process.pid), "listening_clock": time.perf_counter() - began}
        while True:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/started") as answer:
                if json.load(answer)["ready"]:
                    break
            time.sleep(0.5)
        took |= {"processor": processor_seconds(process.pid), "clock": time.perf_counter() - began}
        process.terminate()
        process.wait(60)
    return took


def live_answers(side: int) -> Mapping[str, Sequence[float]]:
    """Processor seconds of each answer, by transform, for a photograph of ``side`` pixels."""
    took: dict[str, list[float]] = {}
    with tempfile.TemporaryDirectory() as home:
        state = open_state(Folder(Path(home), Limits()), [MODEL], device="cpu")
        from PIL import Image

        path = Path(home, "photograph.png")
        with Image.open(bundled_photographs()[0].path) as image:
            image.convert("RGB").resize((side, side)).save(path)
        photograph = state.photographs.add(path, path.name)
        live = LiveTransforms(state)
        # The first of all finds nothing warm, as nobody's second answer does.
        live.answer(photograph, MODEL, next(iter(TRANSFORMS)), 0)
        for transform in TRANSFORMS.values():
            for strength in transform.ladder:
                began = time.process_time()
                live.answer(photograph, MODEL, transform.name, strength)
                took.setdefault(transform.name, []).append(time.process_time() - began)
    return took


def summary(took: Mapping[str, Sequence[float]]) -> dict[str, Any]:
    """Median and slowest of all answers, and which transform that is of."""
    slowest = max(took, key=lambda name: max(took[name]))
    every = [seconds for some in took.values() for seconds in some]
    return {"answers": len(every), "median": statistics.median(every), "slowest": max(every), "slowest_of": slowest}


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "page.json")
    options = parser.parse_args()
    starts = [{"bare": bare_import(), "page": page_start()} for _ in range(options.repeats)]
    ratios = [one["page"]["processor"] / one["bare"]["processor"] for one in starts]
    live = {f"{side} pixels": summary(live_answers(side)) for side in (224, LIVE_SIDE)}
    result = {
        "repeats": options.repeats,
        "starts": starts,
        "ready_over_bare_import": statistics.median(ratios),
        "live_processor_seconds": live,
        "threads": torch.get_num_threads(),
        "load_average": float(re.split(r"\s", Path("/proc/loadavg").read_text(encoding="utf-8"))[0]),
        "hardware": hardware(),
    }
    write_json(options.out, result | {"versions": versions()})
    print(f"ready: {result['ready_over_bare_import']:.2f} times a bare import ({min(ratios):.2f} to {max(ratios):.2f})")
    for what, one in live.items():
        print(f"live, {what}: median {one['median']:.3f} s, slowest {one['slowest']:.3f} s ({one['slowest_of']})")


if __name__ == "__main__":
    main()
