"""The page's plain functions, and its endpoints as programs call them."""

import contextlib
import http.client
import importlib.util
import io
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import snellen
from snellen.attacks.search import Criterion
from snellen.attacks.verify import verify
from snellen.data.images import Photo
from snellen.data.photographs import bundled_photographs
from snellen.data.transforms import TRANSFORMS, all_transforms
from snellen.errors import ImageError, InputError
from snellen.robustness.stress import stress_pair
from snellen.runs.serialise import to_plain
from snellen.transfer.files import Description, save_probe
from snellen.transfer.linear import LinearProbe
from snellen.web import tabs
from snellen.web.content import StageProgress, TabResult, TabTable, Work, details, frame, status, without_backquotes
from snellen.web.folder import sweep
from snellen.web.limits import Limits
from snellen.web.middleware import GuardMiddleware
from snellen.web.state import AppState, OfferedModel, open_state
from test_images import bomb

MODEL = "tf_efficientnet_lite0"
COFFEE = bundled_photographs()[0].path

needs_gradio = pytest.mark.skipif(importlib.util.find_spec("gradio") is None, reason="Gradio is not installed")


def write_probe(folder: Path, network: snellen.Classifier) -> Path:
    """A probe that has learned nothing, with the files that the page shows of one."""
    weight = np.random.default_rng(0).normal(size=(3, 1280)).astype(np.float32)
    probe = LinearProbe(weight, np.zeros(3, np.float32), "logistic", 1.0)
    description = Description(
        MODEL, network.digest, network.preprocessing, False, "logistic", 1.0, ("cat", "cup", "rocket"), "toys", "0" * 16
    )
    save_probe(folder, probe, description)
    (folder / "result.json").write_text(json.dumps({"discussion": ["Mean-per-class accuracy is 0.333, n = 30."]}))
    Image.new("RGB", (40, 30), "white").save(folder / "confusion.png")
    return folder


@pytest.fixture
def state(tmp_path: Path, lite0) -> AppState:
    folder = tmp_path / "page"
    folder.mkdir()
    return AppState(folder, {MODEL: OfferedModel(MODEL, lite0)})


@pytest.fixture
def small(tmp_path: Path) -> Path:
    path = tmp_path / "small.png"
    Image.open(COFFEE).convert("RGB").resize((96, 64)).save(path)
    return path


def finished(work: Work) -> TabResult:
    *steps, last = work
    assert all(isinstance(step, StageProgress) for step in steps)
    assert isinstance(last, TabResult)
    return last


# What a visitor may ask for


@pytest.mark.parametrize("value", [0, 21, 2.5, float("nan"), float("inf")])
def test_a_number_outside_its_range_is_refused(value: float) -> None:
    with pytest.raises(InputError, match="categories: .* whole number from 1 to 20"):
        Limits().number("categories", value, 20)


def test_too_long_a_text_is_refused() -> None:
    assert Limits().words("target", "  cup ") == "cup"
    assert Limits().words("target", None) == ""
    with pytest.raises(InputError, match="target: 101 characters"):
        Limits().words("target", "x" * 101)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"no image", "not an image"),
        (b"", "empty"),
        (bomb(), "pixels .at most 20 million"),
        (b"x" * (25 << 20) + b"x", "larger than 25 MiB"),
    ],
)
def test_a_bad_upload_is_refused_by_its_name_alone(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(content)
    with pytest.raises(ImageError, match=reason) as caught:
        Limits().photograph(path)
    assert str(caught.value).startswith("photo.png: ")
    assert str(tmp_path) not in str(caught.value)


def test_the_page_decodes_fewer_pixels_than_the_command_line(small: Path) -> None:
    assert Limits(pixels=96 * 64).photograph(small).size == (96, 64)
    with pytest.raises(ImageError, match="96 x 64 pixels"):
        Limits(pixels=96 * 64 - 1).photograph(small)


# Its folder


def test_what_is_old_is_swept_and_what_stays_stays(tmp_path: Path) -> None:
    for name in ("old/photo.png", "example.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"12345")
    later = time.time() + 100
    assert sweep(tmp_path, 200, 100, now=later) == []
    assert sweep(tmp_path, 50, 100, {tmp_path / "example.png"}, now=later) == [tmp_path / "old/photo.png"]
    assert [path.name for path in tmp_path.rglob("*")] == ["example.png"]


def test_of_too_much_the_oldest_are_swept(tmp_path: Path) -> None:
    now = time.time()
    for age in range(1, 5):
        path = tmp_path / f"{age}.png"
        path.write_bytes(b"12345")
        # In the future, since the moment of writing counts too.
        os.utime(path, (now + 100 - age, now + 100 - age))
    swept = sweep(tmp_path, 1000, 12, now=now + 100)
    assert {path.name for path in swept} == {"3.png", "4.png"}


# What stands before it


def refused(guard: GuardMiddleware, method: str, path: str, **headers: str) -> int:
    named = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": named}
    return guard.refusal(scope)[0]


@pytest.mark.parametrize(
    ("method", "path", "length", "status"),
    [
        ("GET", "/", "", 0),
        ("GET", "/config", "", 0),
        ("GET", "/gradio_api/file=/tmp/x.png", "", 0),
        ("GET", "/gradio_api/file=https://example.org/x.png", "", 404),
        ("GET", "/gradio_api/proxy=https://example.org", "", 404),
        ("GET", "/monitoring", "", 404),
        ("GET", "/docs", "", 404),
        ("GET", "/configuration", "", 404),
        ("POST", "/gradio_api/queue/join", "100", 0),
        ("POST", "/gradio_api/queue/join", str(2 << 20), 413),
        ("POST", "/gradio_api/upload", str(25 << 20), 0),
        ("POST", "/gradio_api/upload", str(26 << 20), 413),
        ("POST", "/gradio_api/upload", "", 411),
        ("POST", "/gradio_api/upload", "-1", 411),
        ("POST", "/gradio_api/process_recording", "10", 404),
        ("POST", "/gradio_api/vibe-edit", "10", 404),
        ("PUT", "/gradio_api/upload", "10", 404),
    ],
)
def test_only_what_the_page_needs_is_let_through(method: str, path: str, length: str, status: int) -> None:
    guard = GuardMiddleware(None, 25 << 20)
    assert refused(guard, method, path, **({"content_length": length} if length else {})) == status


def test_a_local_page_is_not_known_under_a_foreign_name() -> None:
    guard = GuardMiddleware(None, 1, frozenset({"127.0.0.1", "localhost", "[::1]"}))
    assert [refused(guard, "GET", "/", host=name) for name in ("localhost:7860", "127.0.0.1", "[::1]:80")] == [0, 0, 0]
    assert refused(guard, "GET", "/", host="evil.example:7860") == 421
    assert refused(guard, "GET", "/") == 421
    assert refused(GuardMiddleware(None, 1), "GET", "/", host="machine.example") == 0


# What it shows


def test_names_are_text_whatever_they_hold() -> None:
    evil = "<img src=x onerror=alert(1)>"
    result = TabResult("", table=TabTable((evil,), [(evil,)]), paragraphs=[evil])
    for written in (details(result), status(evil), frame(f'"{evil}')):
        assert "<img" not in written


def test_numbers_are_aligned_to_the_right() -> None:
    written = details(TabResult("", table=TabTable(("what", "much"), [("a", "0.5"), ("b", "1")])))
    assert "<td>a</td><td class=number>0.5</td>" in written


def test_a_bar_is_drawn_where_it_is_known_how_far() -> None:
    assert '<progress value="2" max="8">' in status("x", 2, 8)
    assert "<progress" not in status("x")


# What its tabs do


def test_classify_says_what_the_command_line_says(state: AppState, lite0) -> None:
    shown = finished(tabs.classify(state, COFFEE, MODEL, 4))
    said = json.loads(shown.files[1].read_text())["results"]
    (expected,) = snellen.classify(lite0, [COFFEE], 4)
    assert said == [to_plain(expected) | {"image": "coffee.png"}]
    assert shown.headline.startswith("coffee.png: ")
    assert expected.top.label in shown.headline
    assert str(state.folder) not in shown.files[1].read_text()


def test_features_draws_fifteen_maps(state: AppState) -> None:
    shown = finished(tabs.features(state, COFFEE, MODEL))
    said = json.loads(shown.files[0].read_text())
    assert len(said["maps"]) == 15
    assert said["image"] == "coffee.png"
    assert [path.name for path in shown.figures] == ["features.png", "overlay.png", "heatmap.png"]
    assert shown.paragraphs == said["discussion"]


def test_the_attacked_file_is_the_one_that_was_measured(state: AppState, lite0) -> None:
    *steps, shown = tabs.attack(state, COFFEE, MODEL, "space shuttle", 4, 100)
    (said,) = json.loads(shown.files[1].read_text())["attacks"]
    verdict, norm = verify(
        lite0, shown.files[0], np.asarray(snellen.read_image(COFFEE)), Criterion(said["label"]["index"], 812), "image"
    )
    assert verdict.success
    assert said["attacked"] == to_plain(verdict)
    assert said["norm"] == norm <= 4
    assert said["file"] == shown.files[0].name == tabs.ADVERSARIAL
    assert [step.done for step in steps if step.total] == list(range(1, said["gradients"]))


def test_a_cancelled_attack_takes_no_further_step(state: AppState, monkeypatch) -> None:
    taken = []
    monkeypatch.setattr(type(state.model(MODEL)), "logits_from_inputs", counted(taken))
    work = tabs.attack(state, COFFEE, MODEL, "space shuttle", 1, 100)
    while not (isinstance(step := next(work), StageProgress) and step.done == 2):
        pass
    passes = len(taken)
    work.close()
    assert list(work) == []
    assert len(taken) == passes
    assert not list(state.folder.rglob(tabs.ADVERSARIAL))


def counted(taken: list[int]):
    from snellen.models.classifier import Classifier

    plain = Classifier.logits_from_inputs

    def logits_from_inputs(self, view):
        taken.append(1)
        return plain(self, view)

    return logits_from_inputs


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        ({"model": "/etc/passwd"}, "no model '/etc/passwd' on this page"),
        ({"target": "space shutle"}, "did you mean space shuttle"),
        ({"epsilon": 33}, "epsilon: 33 .*1 to 32"),
        ({"steps": 101}, "steps: 101 .*1 to 100"),
        ({"photograph": None}, "no photograph .*drop one"),
    ],
)
def test_an_attack_that_cannot_be_is_one_sentence(state: AppState, wrong: dict, reason: str) -> None:
    asked = {"photograph": COFFEE, "model": MODEL} | wrong
    with pytest.raises(InputError, match=reason):
        finished(tabs.attack(state, **asked))


def test_stress_says_what_the_capability_says(state: AppState, lite0, small: Path, tmp_path: Path) -> None:
    attacked = tmp_path / "attacked.png"
    noise = np.random.default_rng(0).integers(-4, 5, size=(64, 96, 3))
    changed = (np.asarray(Image.open(small)).astype(int) + noise).clip(0, 255).astype(np.uint8)
    Image.fromarray(changed).save(attacked)
    *steps, shown = tabs.stress(state, attacked, MODEL, small)
    said = json.loads(shown.files[0].read_text())["examination"]
    photos = (Photo(path.name, snellen.read_image(path)) for path in (attacked, small))
    expected = stress_pair(lite0, *photos)
    assert [*said["photographs"], *said["originals"]] == to_plain(expected)
    assert [len(lines) for lines in said["acuity"].values()] == [len(TRANSFORMS)] * 2
    assert [step.done for step in steps if step.total] == list(range(1, 2 * len(all_transforms()) + 3))
    assert str(state.folder) not in shown.files[0].read_text()


def test_a_page_without_a_probe_says_how_to_make_one(state: AppState) -> None:
    with pytest.raises(InputError, match="snellen probe DATASET --out RUN.*snellen serve --probe RUN"):
        finished(tabs.probe(state, COFFEE, None))


def test_a_probe_answers_with_its_own_classes(tmp_path: Path, lite0, small: Path) -> None:
    run = write_probe(tmp_path / "toys", lite0)
    state = open_state(tmp_path, [MODEL], [run], "cpu")
    shown = finished(tabs.probe(state, small, "toys"))
    assert shown.table is not None
    assert {row[0] for row in shown.table.rows} == {"cat", "cup", "rocket"}
    assert shown.paragraphs == ["Mean-per-class accuracy is 0.333, n = 30."]
    assert [path.name for path in shown.figures] == ["categories.png", "confusion.png"]


def test_two_probes_of_one_name_are_refused_at_the_start(tmp_path: Path, lite0) -> None:
    runs = [write_probe(tmp_path / name / "toys", lite0) for name in "ab"]
    with pytest.raises(InputError, match="two are called 'toys'"):
        open_state(tmp_path, [MODEL], runs, "cpu")


@pytest.mark.parametrize(
    ("photographs", "parts", "reason"),
    [
        ([COFFEE] * 9, ["categories"], "9 photographs .at most 8"),
        ([COFFEE], ["everything"], "unknown part 'everything'"),
        ([COFFEE], [], "no part"),
        ([], ["categories"], "no photograph"),
    ],
)
def test_a_report_that_cannot_be_is_one_sentence(state: AppState, photographs, parts, reason: str) -> None:
    from snellen.web.report import report

    with pytest.raises(InputError, match=reason):
        finished(report(state, photographs, MODEL, parts))


def test_a_cancelled_exam_is_gone(state: AppState, small: Path) -> None:
    import multiprocessing

    from snellen.web.report import report

    work = report(state, [small], MODEL, ["categories"])
    next(work)
    next(work)
    (process,) = multiprocessing.active_children()
    work.close()
    assert not multiprocessing.active_children()
    with pytest.raises(ValueError, match="closed"):
        process.is_alive()


# What a visitor is told


def test_parameters_are_named_without_backquotes() -> None:
    assert without_backquotes("wait, or another `out`: `snellen.list_models()`") == (
        "wait, or another out: snellen.list_models()"
    )
    assert "another out" in details(TabResult("", paragraphs=["another `out`"]))


@needs_gradio
def test_an_error_is_one_sentence(capsys) -> None:
    import gradio as gr

    from snellen.web.page import _updates

    def refusing():
        yield StageProgress("x")
        raise InputError("a.png: empty", "an `image`")

    def broken():
        yield StageProgress("x")
        raise KeyError("/secret/path")

    with pytest.raises(gr.Error, match="a.png: empty .an image."):
        list(_updates(refusing()))
    assert "Traceback" not in capsys.readouterr().err
    with pytest.raises(gr.Error) as caught:
        list(_updates(broken()))
    assert "secret" not in str(caught.value)
    assert "KeyError: '/secret/path'" in capsys.readouterr().err


@needs_gradio
def test_several_clients_at_once(tmp_path: Path) -> None:
    """A short form of the program that loads the page for minutes."""
    program = Path(__file__).parents[1] / "benchmarks" / "load.py"
    options = ["--clients", "4", "--minutes", "0.1", "--out", tmp_path / "load.json"]
    done = subprocess.run([sys.executable, program, *options], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    result = json.loads((tmp_path / "load.json").read_text())
    assert sum(one["asked"] for one in result["requests"].values()) >= 4
    assert not [status for status in result["statuses"] if status.startswith("5")]


@needs_gradio
def test_whoever_stops_listening_stops_the_work() -> None:
    from snellen.web.page import _updates

    ended = []

    def endless():
        try:
            while True:
                yield StageProgress("x")
        finally:
            ended.append(True)

    updates = _updates(endless())
    next(updates)
    updates.close()
    assert ended == [True]


# The running page


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, lite0):
    pytest.importorskip("gradio")
    from browser import serving

    home = tmp_path_factory.mktemp("page")
    probe = write_probe(home / "toys", lite0)
    with serving(home, "--model", MODEL, "--probe", probe, "--device", "cpu") as running:
        yield running
    assert running.process.returncode == 0
    assert not running.folder.exists()
    # Nor does it leave anything where it was started.
    assert list((home / "work").iterdir()) == []
    # What Gradio itself refuses it writes to the log; our own refusals are for the visitor alone.
    assert "snellen/web" not in (home / "errors.txt").read_text()


@pytest.fixture(scope="module")
def client(server, tmp_path_factory: pytest.TempPathFactory):
    from gradio_client import Client

    with_files = tmp_path_factory.mktemp("downloads")
    client = Client(server.url, verbose=False, download_files=with_files)
    yield client
    client.close()


def answer_of(server, path: str, data: bytes | None = None, **headers: str) -> tuple[int, dict, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(server.url + path, data, named)
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, dict(response.headers), response.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, dict(error.headers), error.read()


def test_every_tab_is_an_endpoint(client) -> None:
    named = client.view_api(return_format="dict", print_info=False)["named_endpoints"]
    assert set(named) == {"/classify", "/evaluate", "/features", "/attack", "/stress", "/probe", "/report"}


def test_the_page_is_called_as_its_documentation_says(client) -> None:
    from gradio_client import handle_file

    said, answer, files = client.predict(handle_file(COFFEE), MODEL, 3, api_name="/classify")
    assert "coffee.png: espresso" in said
    assert "<table" in answer
    assert json.loads(Path(files[1]).read_text())["results"][0]["predictions"][0]["label"] == "espresso"


def test_the_downloaded_attack_is_the_verified_file_byte_for_byte(client, server, lite0) -> None:
    from gradio_client import handle_file

    *_, files = client.predict(handle_file(COFFEE), MODEL, "space shuttle", 4, 100, False, api_name="/attack")
    downloaded = Path(files[0]).read_bytes()
    (written,) = server.folder.rglob(tabs.ADVERSARIAL)
    assert downloaded == written.read_bytes()
    (said,) = json.loads(Path(files[1]).read_text())["attacks"]
    original = np.asarray(snellen.read_image(COFFEE))
    verdict, norm = verify(lite0, downloaded, original, Criterion(said["label"]["index"], 812), "image")
    assert (verdict.success, norm) == (True, said["norm"])
    assert verdict.top.probability == pytest.approx(said["attacked"]["top"]["probability"], abs=1e-5)


def test_the_probe_answers(client) -> None:
    from gradio_client import handle_file

    _, answer, files = client.predict(handle_file(COFFEE), "toys", api_name="/probe")
    assert "rocket" in answer
    assert [Path(file).name for file in files] == ["categories.png", "result.json"]


@pytest.mark.parametrize("path", ["/etc/passwd", str(COFFEE), "https://example.org/photo.jpg"])
def test_a_file_that_was_not_uploaded_is_refused(server, path: str) -> None:
    # Gradio's client would upload it first.
    photograph = {"path": path, "meta": {"_type": "gradio.FileData"}}
    question = json.dumps({"data": [photograph, MODEL, 3]}).encode()
    status, _, body = answer_of(server, "/gradio_api/call/classify", question, content_type="application/json")
    assert status == 200
    _, _, events = answer_of(server, f"/gradio_api/call/classify/{json.loads(body)['event_id']}")
    assert b"event: error" in events
    assert b"event: complete" not in events


def test_a_model_that_is_not_offered_is_refused(client) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="not in the list of choices"):
        client.predict(handle_file(COFFEE), "/etc/model.safetensors", 3, api_name="/classify")


def test_more_than_the_page_offers_is_refused(client) -> None:
    from gradio_client import handle_file
    from gradio_client.exceptions import AppError

    with pytest.raises(AppError, match="less than or equal to 32|maximum value 32|greater than maximum"):
        client.predict(handle_file(COFFEE), MODEL, "cup", 255, 100, False, api_name="/attack")


@pytest.mark.parametrize("path", ["/etc/passwd", str(COFFEE), "../../../../etc/passwd", "pyproject.toml"])
def test_no_file_of_this_machine_is_given_out(server, path: str) -> None:
    status, _, body = answer_of(server, f"/gradio_api/file={path}")
    assert status in (403, 404)
    assert b"root:" not in body


def test_too_large_an_upload_is_refused_before_it_is_sent(server) -> None:
    connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=60)
    with contextlib.closing(connection):
        connection.putrequest("POST", "/gradio_api/upload")
        connection.putheader("Content-Length", str(26 << 20))
        connection.endheaders()
        assert connection.getresponse().status == 413


def test_nobody_passes_the_queue(server) -> None:
    question = json.dumps({"data": [None, MODEL, 3]}).encode()
    status, _, _ = answer_of(server, "/gradio_api/run/classify", question, content_type="application/json")
    assert status >= 400


def test_a_browser_is_told_to_ask_nobody_else(server) -> None:
    status, headers, _ = answer_of(server, "/")
    assert status == 200
    assert headers["content-security-policy"].startswith("default-src 'self'")
    assert headers["x-content-type-options"] == "nosniff"


def test_a_foreign_name_is_refused(server) -> None:
    assert answer_of(server, "/", host="evil.example")[0] == 421


def test_a_port_that_is_taken_is_one_line(server, snellen_command) -> None:
    result = snellen_command("serve", "--model", MODEL, "--port", server.url.rpartition(":")[2])
    assert result.returncode == 2
    assert "cannot listen at 127.0.0.1" in result.stderr


def test_an_unknown_model_is_one_line(snellen_command) -> None:
    result = snellen_command("serve", "--model", "resnet5", "--port", "1")
    assert result.returncode == 2
    assert "resnet5" in result.stderr


def test_an_image_is_uploaded_as_it_is(client, server) -> None:
    """Even where its bytes are of a kind that would be decoded otherwise: a turned JPEG is upright to us."""
    from gradio_client import handle_file

    turned = io.BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(COFFEE).convert("RGB").save(turned, format="JPEG", exif=exif)
    path = server.folder.parent / "turned.jpg"
    path.write_bytes(turned.getvalue())
    *_, files = client.predict(handle_file(path), MODEL, 1, api_name="/classify")
    said = json.loads(Path(files[1]).read_text())["results"][0]["predictions"][0]
    (expected,) = snellen.classify(snellen.load(MODEL, device="cpu"), [path], 1)
    assert said["probability"] == pytest.approx(expected.top.probability, abs=1e-6)
