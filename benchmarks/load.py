"""The page under load: many clients at once, good and bad uploads mixed, for minutes.

    python benchmarks/load.py [--clients 50] [--minutes 5] [--seed 0]
    python benchmarks/load.py --mix large --clients 8 --minutes 60 --out benchmarks/results/load_large.json

Starts `snellen serve`, asks every good question once alone, then lets each client ask one thing after another: of the
good ones every answer must be the one that was given alone (for `classify`, the one that the library gives), of the
bad ones none may be answered, and no status may be a 5xx. Meanwhile the memory of the server, with the processes that
it started, is read every second. Writes benchmarks/results/load.json, each minute what there is so far; ends with
status 1 where a request went wrong. The mix ``large`` is of photographs of 20 to 48 megapixels: robust attacks, stress,
reports, and visitors who cancel; there every good question's first answer is the one that all the others must be.
"""

import argparse
import contextlib
import http.client
import io
import json
import os
import random
import re
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image

import snellen
from snellen.data.photographs import bundled_photographs
from snellen.runs.files import write_json
from snellen.runs.provenance import hardware, versions

MODEL = "tf_efficientnet_lite0"
BOMB = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200007530000075300802000000e9456f"
    "ed0000000849444154789c030000000001480689d20000000049454e44ae426082"
)
"""A PNG that claims to hold 900 million pixels."""
PATIENCE = 600
"""Seconds that a client waits for an answer, its turn in the queue included."""

_client = threading.local()
"""Each client asks from an address of its own, since each is to have its own places in the queue."""


@dataclass(frozen=True)
class Reply:
    """What came back: each request's status, and the headline of the answer; empty where there is none."""

    statuses: tuple[int, ...]
    headline: str = ""


@dataclass(frozen=True)
class Question:
    """Something that a client asks.

    Attributes:
        kind: of it, as counted.
        ask: does so, at an address.
        good: whether it is to be answered; refused, where not.
    """

    kind: str
    ask: Callable[[str], Reply]
    good: bool


@dataclass
class Tally:
    """What became of the questions of one kind."""

    asked: int = 0
    right: int = 0
    seconds: list[float] = field(default_factory=list)


def request(address: str, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes]:
    """One request; its status and what was sent back."""
    source = getattr(_client, "address", None)
    connection = http.client.HTTPConnection(address, timeout=PATIENCE, source_address=source and (source, 0))
    with contextlib.closing(connection):
        connection.request(method, path, body or None, {name.replace("_", "-"): text for name, text in headers.items()})
        response = connection.getresponse()
        return response.status, response.read()


def upload(address: str, name: str, content: bytes) -> tuple[int, str]:
    """Upload a photograph; the status, and its number on the page."""
    status, answer = request(address, "POST", f"/api/photographs?name={name}", content)
    return status, json.loads(answer)["number"] if status == 200 else ""


def joined(address: str, tab: str, number: str, model: str, settings: dict[str, object]) -> tuple[int, str]:
    """Queue for a tab's answer about a photograph that was uploaded; the status, and the job's number."""
    question = json.dumps({"model": model, "photographs": [number], "settings": settings}).encode()
    status, answer = request(address, "POST", f"/api/jobs/{tab}", question, Content_Type="application/json")
    return status, json.loads(answer)["job"] if status == 202 else ""


def call(address: str, tab: str, number: str, model: str, settings: dict[str, object]) -> Reply:
    """Ask a tab about a photograph that was uploaded; asks again where its place in the queue is taken."""
    status, job = joined(address, tab, number, model, settings)
    while status == 429:
        time.sleep(0.5)
        status, job = joined(address, tab, number, model, settings)
    if not job:
        return Reply((status,))
    watched, told = request(address, "GET", f"/api/jobs/{job}/events")
    last = re.findall(r"data: (.*)\n", told.decode())[-1]
    return Reply((status, watched), json.loads(last).get("result", {}).get("headline", ""))


def asking(
    tab: str, name: str, content: bytes, model: str = MODEL, /, **settings: object
) -> Callable[[str], Reply]:  # fmt: skip
    """What uploads a photograph and asks a tab about it."""

    def ask(address: str) -> Reply:
        status, number = upload(address, name, content)
        if not number:
            return Reply((status,))
        reply = call(address, tab, number, model, settings)
        return Reply((status, *reply.statuses), reply.headline)

    return ask


def posting(path: str, body: bytes) -> Callable[[str], Reply]:
    """What posts a body that is no question."""
    return lambda address: Reply((request(address, "POST", path, body, Content_Type="application/json")[0],))


def reading(path: str) -> Callable[[str], Reply]:
    """What reads a file; it counts as answered where it is given out."""

    def ask(address: str) -> Reply:
        status, _ = request(address, "GET", path)
        return Reply((status,), "given out" if status == 200 else "")

    return ask


def announcing(size: int) -> Callable[[str], Reply]:
    """What announces an upload of so many bytes and waits for what is said to that."""

    def ask(address: str) -> Reply:
        connection = http.client.HTTPConnection(address, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.putrequest("POST", "/api/photographs?name=x.png")
            connection.putheader("Content-Length", str(size))
            connection.endheaders()
            return Reply((connection.getresponse().status,))

    return ask


def leaving(name: str, content: bytes) -> Callable[[str], Reply]:
    """What queues and goes away; nothing is to come of it but the statuses."""

    def ask(address: str) -> Reply:
        status, number = upload(address, name, content)
        return Reply((status, joined(address, "classify", number, MODEL, {})[0]))

    return ask


def cancelling(name: str, content: bytes, tab: str, **settings: object) -> Callable[[str], Reply]:
    """What asks, waits until something is done, and cancels; nothing is to come of it."""

    def ask(address: str) -> Reply:
        status, number = upload(address, name, content)
        queued, job = joined(address, tab, number, MODEL, settings) if number else (status, "")
        if not job:
            return Reply((status, queued))
        due = time.monotonic() + PATIENCE
        while time.monotonic() < due:
            _, told = request(address, "GET", f"/api/jobs/{job}")
            if json.loads(told)["stage"] != "waiting":
                break
            time.sleep(0.5)
        time.sleep(1)
        cancelled, _ = request(address, "POST", f"/api/jobs/{job}/cancel")
        watched, told = request(address, "GET", f"/api/jobs/{job}/events")
        (*_, last) = re.findall(r"data: (.*)\n", told.decode())
        stage = json.loads(last)["stage"]
        return Reply((status, queued, cancelled, watched), "" if stage == "cancelled" else stage)

    return ask


def large_questions() -> list[tuple[Question, int]]:
    """What visitors with the photographs of a telephone ask, and how often."""
    sizes = {20: (5472, 3648), 24: (6000, 4000), 48: (8064, 6048)}
    photographs = {size: enlarged_photograph(*pixels) for size, pixels in sizes.items()}
    attack = {"target": "space shuttle", "epsilon": 8, "steps": 10}
    robust, quick = attack | {"robust": True, "steps": 3}, {"parts": ["categories", "features"]}
    made: list[tuple[Question, int]] = []
    for size, content in photographs.items():
        name = f"phone-{size}.jpg"
        made += [
            (Question(f"classify {size} megapixels", asking("classify", name, content), True), 4),
            (Question(f"attack on {size} megapixels", asking("attack", name, content, **attack), True), 2),
            (Question(f"robust attack on {size} megapixels", asking("attack", name, content, **robust), True), 1),
            (Question(f"stress of {size} megapixels", asking("stress", name, content), True), 1),
            (Question(f"report on {size} megapixels", asking("report", name, content, **quick), True), 1),
            (Question(f"robust attack, {size} megapixels, cancelled",
                      cancelling(name, content, "attack", **robust | {"steps": 60}), False), 1),
            (Question(f"report, {size} megapixels, cancelled", cancelling(name, content, "report"), False), 1),
            (Question(f"{size} megapixels at their own size", asking("stress", name, content, side="0"), False), 1),
        ]  # fmt: skip
    content = photographs[20]
    at_most = asking("attack", "phone-20.jpg", content, **robust | {"side": "2048"})
    return [*made, (Question("robust attack at 2,048 pixels", at_most, True), 1)]


def questions() -> list[tuple[Question, int]]:
    """What clients ask, and how often."""
    photographs = [(photograph.path.name, photograph.path.read_bytes()) for photograph in bundled_photographs()]
    name, content = photographs[0]
    attack = {"target": "space shuttle", "epsilon": 4, "steps": 5}
    classify = [(Question(f"classify {n}", asking("classify", n, c), True), 6) for n, c in photographs]
    large = enlarged_photograph(8064, 6048)
    return [
        *classify,
        (Question("features", asking("features", name, content), True), 1),
        (Question("attack of 5 steps", asking("attack", name, content, **attack), True), 1),
        (Question("attack of 5 steps on 48 megapixels", asking("attack", "phone.jpg", large, **attack), True), 1),
        (Question("classify 48 megapixels", asking("classify", "phone.jpg", large), True), 1),
        (Question("the page itself", reading("/"), True), 4),
        (Question("no image", asking("classify", "photo.png", b"no image"), False), 2),
        (Question("empty", asking("classify", "photo.png", b""), False), 1),
        (Question("cut short", asking("classify", "photo.png", content[: len(content) // 2]), False), 2),
        (Question("900 megapixels in 65 bytes", asking("classify", "photo.png", BOMB), False), 2),
        (Question("101 MiB", announcing(101 << 20), False), 1),
        (Question("a model not offered", asking("classify", name, content, "/etc/passwd"), False), 1),
        (Question("1,000 categories", asking("classify", name, content, categories=1000), False), 1),
        (Question("a bound of 255", asking("attack", name, content, epsilon=255), False), 1),
        (Question("not uploaded", lambda address: call(address, "classify", "/etc/passwd", MODEL, {}), False), 1),
        (Question("a file of the machine", reading("/api/jobs/x/files/%2fetc%2fpasswd"), False), 1),
        (Question("a path upwards", reading("/static/..%2f..%2f..%2fetc%2fpasswd"), False), 1),
        (Question("no JSON", posting("/api/jobs/classify", b"{"), False), 1),
        (Question("asked and gone", leaving(name, content), False), 1),
    ]


def enlarged_photograph(width: int, height: int) -> bytes:
    """A photograph of so many pixels, as phones of today take them."""
    file = io.BytesIO()
    with Image.open(bundled_photographs()[0].path) as image:
        image.convert("RGB").resize((width, height)).save(file, format="JPEG", quality=80)
    return file.getvalue()


def expected_alone(address: str, asked: Sequence[Question]) -> dict[str, str]:
    """The headline of each good question, asked alone; of ``classify``, checked against the library's own answer."""
    alone = {question.kind: question.ask(address).headline for question in asked if question.good}
    classifier = snellen.load(MODEL, device="cpu")
    for photograph in bundled_photographs():
        (result,) = snellen.classify(classifier, [photograph.path], 1)
        assert not isinstance(result, snellen.Failure)
        said = alone[f"classify {photograph.path.name}"]
        if result.top.label not in said or f"{result.top.probability:.1%}" not in said:
            sys.exit(f"{photograph.path.name}: the page says {said!r}, the library {result.top}")
    return alone


@contextlib.contextmanager
def serving(home: Path) -> Iterator[tuple[str, int]]:
    """The page in a process of its own: its address and the process's number."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "snellen", "serve", "--model", MODEL, "--device", "cpu", "--port", str(port)]
    with (home / "log").open("w") as log:
        process = subprocess.Popen(
            command, env=os.environ | {"TMPDIR": str(home)}, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    try:
        if not process.stdout.readline().startswith("The page is "):
            sys.exit((home / "log").read_text(encoding="utf-8"))
        yield f"127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(60)
        process.stdout.close()


def resident(process: int) -> float:
    """Memory of a process, and of those that it started, in MiB."""
    try:
        found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{process}/status").read_text(encoding="utf-8"))
        children = [
            path.read_text(encoding="utf-8").split() for path in Path(f"/proc/{process}/task").glob("*/children")
        ]
    except OSError:  # it has just ended
        return 0.0
    own = int(found[1]) / 1024 if found else 0.0
    return own + sum(resident(int(child)) for some in children for child in some)


MIXES: Mapping[str, Callable[[], list[tuple[Question, int]]]] = {"ordinary": questions, "large": large_questions}


def load(
    address: str, process: int, mix: list[tuple[Question, int]], options: argparse.Namespace,
    told: Callable[[dict[str, Any]], None],
) -> dict[str, Any]:  # fmt: skip
    """Let the clients ask until the time is over, and count; what there is so far is told each minute."""
    clients, seconds, seed = options.clients, 60 * options.minutes, options.seed
    # Alone, the large ones would take longer than all the rest: there the first answer is the one that is expected.
    expected = expected_alone(address, [question for question, _ in mix]) if options.mix == "ordinary" else {}
    tallies = {question.kind: Tally() for question, _ in mix}
    statuses: Counter[int] = Counter()
    trouble: list[str] = []
    lock = threading.Lock()
    start = time.monotonic()

    def client(number: int) -> None:
        draw = random.Random(seed * 1000 + number)
        _client.address = f"127.0.1.{number % 250 + 1}" if sys.platform == "linux" else None
        kinds, weights = [question for question, _ in mix], [weight for _, weight in mix]
        while time.monotonic() - start < seconds:
            (question,) = draw.choices(kinds, weights)
            began = time.monotonic()
            try:
                reply = question.ask(address)
                wanted = expected.setdefault(question.kind, reply.headline if question.good else "")
                right = reply.headline == wanted and bool(wanted) == question.good and max(reply.statuses) < 500
                said = "" if right else f"{question.kind}: {reply.statuses} {reply.headline}"
            except (OSError, http.client.HTTPException, ValueError) as error:
                reply, right, said = Reply(()), False, f"{question.kind}: {error!r}"
            with lock:
                tally = tallies[question.kind]
                tally.asked += 1
                tally.right += right
                tally.seconds.append(time.monotonic() - began)
                statuses.update(reply.statuses)
                trouble.extend([said] if said else [])

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    memory: list[float] = []
    good = {question.kind: question.good for question, _ in mix}

    def so_far() -> dict[str, Any]:
        with lock:
            return counted(clients, time.monotonic() - start, tallies, good, statuses, memory, trouble)

    while any(thread.is_alive() for thread in threads):
        memory.append(resident(process))
        if len(memory) % 60 == 0:
            told(so_far())
        time.sleep(1)
    return so_far()


def counted(
    clients: int, seconds: float, tallies: Mapping[str, Tally], good: Mapping[str, bool], statuses: Counter[int],
    memory: Sequence[float], trouble: Sequence[str],
) -> dict[str, Any]:  # fmt: skip
    """What the result says."""
    fifth = max(1, len(memory) // 5)
    early, late = memory[fifth : 2 * fifth] or memory, memory[-fifth:]
    return {
        "clients": clients,
        "seconds": seconds,
        "requests": {
            kind: {
                "good": good[kind],
                "asked": tally.asked,
                "right": tally.right,
                "median_seconds": statistics.median(tally.seconds) if tally.seconds else None,
                "slowest_seconds": max(tally.seconds, default=None),
            }
            for kind, tally in tallies.items()
        },
        "statuses": {str(status): count for status, count in sorted(statuses.items())},
        "memory_mebibytes": {
            "every_ten_seconds": [round(value) for value in memory[::10]],
            "second_fifth": statistics.median(early),
            "last_fifth": statistics.median(late),
            "most": max(memory),
        },
        "trouble": trouble[:20],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve, load, print, write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--minutes", type=float, default=5)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--mix", choices=MIXES, default="ordinary")
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "load.json")
    asked = parser.parse_args(arguments)
    same = {"mix": asked.mix, "seed": asked.seed, "hardware": hardware(), "versions": versions()}

    def keep(result: dict[str, Any]) -> None:
        write_json(asked.out, result | same)

    with tempfile.TemporaryDirectory() as home, serving(Path(home)) as (address, process):
        result = load(address, process, MIXES[asked.mix](), asked, keep)
    keep(result)
    for kind, one in result["requests"].items():
        print(f"{kind:48}{one['right']:5} of {one['asked']:5} right")
    memory = result["memory_mebibytes"]
    print(f"statuses: {result['statuses']}")
    print(f"memory: {memory['second_fifth']:.0f} MiB, then {memory['last_fifth']:.0f}, at most {memory['most']:.0f}")
    if result["trouble"]:
        sys.exit("\n".join(result["trouble"]))


if __name__ == "__main__":
    main()
