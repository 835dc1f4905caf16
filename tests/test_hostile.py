"""Hostile weights: whatever a model's, a checkpoint's or a probe's file says, it is refused in a line, and cheaply."""

import importlib.util
import json
import pickle
import struct
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import save, save_file
from torch import nn

import forked
import snellen
from snellen.data.photographs import bundled_photographs
from snellen.errors import InputError, ModelError
from snellen.models.create import made
from snellen.models.pretrained import build
from snellen.models.resolve import resolve
from snellen.models.safetensors import read_safetensors
from snellen.runs.files import write_json
from snellen.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from snellen.training.files import read_results
from snellen.training.recipe import read_recipe
from snellen.training.results import EpochMetrics
from snellen.transfer.files import Description, load_probe

Reader = Callable[[Path], object]
CLASSES = ["cat", "dog"]
NETWORK = nn.Linear(3, 2)


def model_file(path: Path, value: float = 0.5) -> Reader:
    network = snellen.models.create.create("plain", len(CLASSES))
    tensors = {name: torch.full_like(tensor, value) for name, tensor in network.state_dict().items()}
    preprocessing = {"size": 32, "crop": 1.0, "interpolation": "bilinear", "mean": 0.5, "std": 0.5}
    said = {"labels": json.dumps(CLASSES), "preprocessing": json.dumps(preprocessing)}
    path.write_bytes(save(tensors, {"architecture": "plain"} | said))
    return lambda file: resolve(str(file))


def checkpoint_file(path: Path, value: float = 0.5) -> Reader:
    tensors = {f"network/{name}": torch.full_like(tensor, value) for name, tensor in NETWORK.state_dict().items()}
    tensors |= {"optimiser/weight/exp_avg": torch.zeros(2, 3), "optimiser/weight/step": torch.tensor(1.0)}
    save_checkpoint(path, Checkpoint({"seed": 0}, (EpochMetrics(1.0, 0.5, 0.1, 2.0, 3.0),), tensors))
    return lambda file: load_checkpoint(file, {"seed": 0}, NETWORK)


def probe_file(path: Path, value: float = 0.5) -> Reader:
    base = snellen.load("tf_efficientnet_lite0", device="cpu")
    path.write_bytes(save({"weight": torch.full((2, 1280), value), "bias": torch.zeros(2)}))
    description = Description(
        base.name, base.digest, base.preprocessing, False, "logistic", 1.0, tuple(CLASSES), "toys", ""
    )
    write_json(path.parent / "probe.json", description)
    return lambda file: load_probe(file.parent, device="cpu")


FILES = {"model": model_file, "checkpoint": checkpoint_file, "probe": probe_file}


@pytest.fixture(params=FILES)
def file(request, tmp_path: Path) -> tuple[Path, Reader]:
    """A sound file of each of the three kinds, and what reads it."""
    path = tmp_path / "probe.safetensors"
    return path, FILES[request.param](path)


def parts(path: Path) -> tuple[dict, bytes]:
    data = path.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    return json.loads(data[8 : 8 + length]), data[8 + length :]


def write(path: Path, header: dict | str, body: bytes, length: int | None = None) -> None:
    text = (header if isinstance(header, str) else json.dumps(header)).encode()
    path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)


def first(header: dict) -> dict:
    """What the header says of the largest tensor."""
    return max((entry for key, entry in header.items() if key[0] != "_"), key=lambda entry: entry["data_offsets"][1])


def refused(file: tuple[Path, Reader], message: str) -> None:
    path, read = file
    with pytest.raises((ModelError, InputError), match=message) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert len(str(caught.value).splitlines()) == 1
    assert caught.value.exit_status == 2


def test_sound_files_are_read(file) -> None:
    path, read = file
    read(path)


@pytest.mark.parametrize("length", [2, 1 << 40, 2**63, 2**64 - 1])
def test_a_wrong_header_length(file, length: int) -> None:
    header, body = parts(file[0])
    write(file[0], header, body, length)
    refused(file, "not a sound safetensors file: .*(invalid JSON|header)")


def test_overlapping_tensors(file) -> None:
    header, body = parts(file[0])
    entry = first(header)
    entry["data_offsets"] = [place - 4 for place in entry["data_offsets"]]
    write(file[0], header, body)
    refused(file, "invalid offset|not fully covered")


def test_a_missing_tensor(file) -> None:
    header, body = parts(file[0])
    start, stop = first(header)["data_offsets"]
    assert stop == len(body)
    name = next(key for key, entry in header.items() if entry.get("data_offsets") == [start, stop])
    del header[name]
    write(file[0], header, body)
    refused(file, "not fully covered")
    write(file[0], header, body[:start])
    refused(file, "is absent, expected|do not match their digest")


def test_a_tensor_too_many(file) -> None:
    header, body = parts(file[0])
    header["another"] = {"dtype": "F32", "shape": [1], "data_offsets": [len(body), len(body) + 4]}
    write(file[0], header, body + b"1234")
    refused(file, r"another is \(1,\), expected absent")


@pytest.mark.parametrize("shape", [[1 << 40, 1 << 40], [-1], [2.0], [True], ["2"], [1 << 62, 0], [[1]], [10**5000]])
def test_a_shape_that_lies(file, shape) -> None:
    header, body = parts(file[0])
    first(header)["shape"] = shape
    sys.set_int_max_str_digits(0)
    try:
        write(file[0], header, body)
    finally:
        sys.set_int_max_str_digits(4300)
    refused(file, "invalid shape|overflow|invalid JSON")


def test_another_shape_of_as_many_numbers(file) -> None:
    header, body = parts(file[0])
    entry = first(header)
    entry["shape"] = [1, *entry["shape"]]
    write(file[0], header, body)
    refused(file, r"is \(1,.*expected \(")


@pytest.mark.parametrize("dtype", ["I32", "U32", "F8_E4M3", "PICKLE", ["F32"], None])
def test_a_type_that_is_wrong(file, dtype) -> None:
    header, body = parts(file[0])
    first(header)["dtype"] = dtype
    write(file[0], header, body)
    refused(file, "is of type .*, expected torch.float32|invalid shape, data type|invalid JSON")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("kind", FILES)
def test_weights_that_are_not_numbers(tmp_path: Path, kind: str, value: float) -> None:
    path = tmp_path / "probe.safetensors"
    refused((path, FILES[kind](path, value)), "holds NaN or infinite weights")


def test_an_infinite_bound_of_clipping_is_none(tmp_path: Path) -> None:
    """Published transformers hold such (timm's gemma4_vit)."""
    path = tmp_path / "bounds.safetensors"
    save_file({"weight": torch.ones(2), "input_max": torch.tensor(torch.inf)}, path)
    assert read_safetensors(path)["input_max"] == torch.inf
    save_file({"weight": torch.ones(2), "input_max": torch.tensor(torch.nan)}, path)
    with pytest.raises(ModelError, match="input_max holds NaN"):
        read_safetensors(path)


def test_a_name_that_stands_there_twice(file) -> None:
    """What is looked at is what is loaded: the second entry counts for both, or for neither."""
    header, body = parts(file[0])
    name, entry = next((key, entry) for key, entry in header.items() if key[0] != "_")
    write(file[0], json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(entry)}}}", body)
    file[1](file[0])
    lie = entry | {"shape": [1, *entry["shape"]]}
    write(file[0], json.dumps(header)[:-1] + f", {json.dumps(name)}: {json.dumps(lie)}}}", body)
    refused(file, "not a sound safetensors file|is \\(1,|do not match their digest")


def test_names_that_no_font_has(tmp_path: Path, snellen_command) -> None:
    """A figure shows them as boxes, and neither a warning nor an escape reaches the terminal."""
    (tmp_path / "labels.txt").write_text(
        "\n".join(f"\x1b[31m\u72ac {number}" for number in range(1000)), encoding="utf-8"
    )
    photograph = bundled_photographs()[0].path
    figure = tmp_path / "a.png"
    done = snellen_command("classify", photograph, "--labels", tmp_path / "labels.txt", "--figure", figure)
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\x1b[31m\u72ac" in done.stdout
    assert "\x1b" not in done.stdout
    assert figure.is_file()


@pytest.mark.parametrize(
    "options",
    [
        {"members": 10**9},
        {"members": -1},
        {"widths": [2] * 100_000},
        {"widths": [10**6] * 3},
        {"first": 10**6},
        {"first": 0},
        {"widths": [8192, 8192, 8191]},
    ],
)
def test_a_network_without_end(tmp_path: Path, snellen_command, options: dict) -> None:
    """What weights say of their network is bounded before it is made."""
    preprocessing = {"size": 32, "crop": 1.0, "interpolation": "bilinear", "mean": 0.5, "std": 0.5}
    said = {"labels": json.dumps(CLASSES), "preprocessing": json.dumps(preprocessing), "options": json.dumps(options)}
    (tmp_path / "m.safetensors").write_bytes(save({"weight": torch.zeros(2)}, {"architecture": "deep"} | said))
    done = snellen_command("layers", tmp_path / "m.safetensors")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert "m.safetensors: deep: cannot be made: " in done.stderr


def test_a_recipe_that_names_a_program(tmp_path: Path, snellen_command) -> None:
    """It is run only where the caller names it too, and with the recipe's own start and options then."""
    (tmp_path / "net.py").write_text(
        "from pathlib import Path\n"
        "from torch import nn\n"
        "Path(__file__).with_name('ran').touch()\n"
        "def network(classes, width=3):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(192, width), nn.ReLU(), nn.Linear(width, classes))\n",
        encoding="utf-8",
    )
    recipe, program = tmp_path / "r.toml", tmp_path / "net.py"
    common = "epochs = 1\nbatch = 500\nsize = 8\ninitialisation = 'he'\nnetwork_options = {width = 5}\n"
    command = "train", "digits", "--recipe", recipe, "--device", "cpu", "--out", tmp_path / "run"
    for network in ("net.py", "net.py:network", "os:system", str(program)):
        recipe.write_text(f"network = {json.dumps(network)}\n{common}", encoding="utf-8")
        with pytest.raises(InputError, match="a program, which no recipe may run .*name it as `network` yourself"):
            snellen.train("digits", recipe, out=tmp_path / "run", device="cpu")
        done = snellen_command(*command)
        assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
        assert "which no recipe may run (name it as --network yourself)" in done.stderr
    assert not (tmp_path / "ran").exists()
    recipe.write_text(f'network = "net.py"\n{common}', encoding="utf-8")
    asked = read_recipe(str(recipe), str(program))
    assert (asked.network, asked.initialisation, asked.network_options) == (str(program), "he", {"width": 5})
    (tmp_path / "here").mkdir()
    assert read_recipe(str(recipe), str(tmp_path / "here" / ".." / "net.py")) == asked
    other = read_recipe(str(recipe), "plain")
    assert (other.network, other.initialisation, other.network_options) == ("plain", "own", {})
    done = snellen_command(*command, "--network", program)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "ran").exists()
    again = snellen_command(*command, "--network", program, "--resume")
    assert again.returncode == 0, again.stderr
    (result,) = read_results(tmp_path / "run")
    assert result.recipe == asked


def test_a_pickle_under_another_name(file, tmp_path: Path) -> None:
    """It would say so if it were run."""

    class Bomb:
        def __reduce__(self):
            return Path.touch, (tmp_path / "ran",)

    file[0].write_bytes(pickle.dumps(Bomb()))
    refused(file, "not a sound safetensors file")
    torch.save({"weight": Bomb()}, file[0])
    refused(file, "not a sound safetensors file")
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_file_that_was_cut_off(file, share: float) -> None:
    data = file[0].read_bytes()
    file[0].write_bytes(data[: int(len(data) * share)])
    refused(file, "not a sound safetensors file")


def test_a_folder_in_its_place(file) -> None:
    file[0].unlink()
    file[0].mkdir()
    refused(file, "no such file")


@pytest.mark.parametrize(
    ("facts", "message"),
    [
        ("{", "facts cannot be read"),
        ("[]", "facts cannot be read"),
        ("[" * 100_000, "facts cannot be read"),
        ('{"identity": 5, "history": []}', "facts cannot be read"),
        ('{"identity": {"seed": 0}, "history": ["loss"]}', "facts cannot be read"),
        ('{"identity": {"seed": 0}, "history": [{"loss": 1.0}]}', "facts cannot be read"),
        ('{"identity": {"seed": 1}, "history": []}', "was begun with seed 1, not 0"),
    ],
)
def test_facts_of_a_checkpoint(tmp_path: Path, facts: str, message: str) -> None:
    path = tmp_path / "checkpoint.safetensors"
    read = checkpoint_file(path)
    header, body = parts(path)
    header["__metadata__"]["facts"] = facts
    write(path, header, body)
    refused((path, read), message)


def test_optimiser_state_of_nothing(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    read = checkpoint_file(path)
    header, body = parts(path)
    for name in ("optimiser/other/exp_avg", "optimiser/weight/exp_avg/more", "optimiser/weight"):
        write(path, {name if key == "optimiser/weight/exp_avg" else key: entry for key, entry in header.items()}, body)
        refused((path, read), f"{name} is .*, expected absent")


@pytest.mark.parametrize(
    "changes",
    [
        {"labels": 5}, {"labels": []}, {"labels": [1, 2]}, {"labels": ["a", "a"]}, {"size": 224}, {"size": [224]},
        {"size": [224.0, 224]}, {"size": [1 << 40, 1 << 40]}, {"size": [-1, -1]}, {"size": [224, 1 << 20]},
        {"model": 7}, {"model": "../../etc/passwd"}, {"weights": None}, {"more": 1}, {"kind": ["svm"]},
        {"kind": "forest"}, {"crop_fraction": 0}, {"crop_fraction": 1e-300}, {"crop_fraction": None},
        {"interpolation": "sinc"}, {"std": [0, 0, 0]}, {"mean": [1e400, 0, 0]}, {"mirrored": 1}, {"format": "2"},
        {"preprocessing": None},
    ],
)  # fmt: skip
def test_descriptions_of_a_probe(tmp_path: Path, changes: dict) -> None:
    path = tmp_path / "probe.safetensors"
    read = probe_file(path)
    said = json.loads((tmp_path / "probe.json").read_text(encoding="utf-8"))
    for key, value in changes.items():
        (said["preprocessing"] if key in said["preprocessing"] else said)[key] = value
    (tmp_path / "probe.json").write_text(json.dumps(said), encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read(path)
    assert len(str(caught.value).splitlines()) == 1


MEMORY_PROGRAM = """
import json, os, resource, struct, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from test_hostile import FILES, parts

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

folder = Path(sys.argv[1])
for kind, make in FILES.items():
    path = folder / "probe.safetensors"
    read = make(path)
    read(path)
    header, body = parts(path)
    names = [key for key in header if key[0] != "_"]
    enormous = 64 << 30
    whole = {"dtype": "F32", "shape": [enormous // 4], "data_offsets": [0, enormous]}
    others = {"dtype": "F32", "shape": [0], "data_offsets": [enormous, enormous]}
    metadata = {key: value for key, value in header.items() if key[0] == "_"}
    lies = [(json.dumps(metadata | {name: others for name in names} | {names[0]: whole}).encode(), enormous, None)]
    lies += [(b"{" + b" " * 100, 5 << 30, 4 << 30), (b"[" * 100, 5 << 30, 15 << 20)]
    for text, size, length in lies:
        # A sparse file: as long as it says it is, and no disk is used.
        path.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text)
        os.truncate(path, 8 + len(text) + size)
        before = peak()
        try:
            read(path)
        except Exception as error:
            print(json.dumps([kind, type(error).__name__, str(error), peak() - before]))
"""


def test_nothing_large_is_allocated(tmp_path: Path) -> None:
    """Tensors of 64 GiB and a header of 4 GiB, in sparse files that really are as long."""
    done = forked.run(tmp_path, Path(__file__).parent, program=MEMORY_PROGRAM)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    assert [kind for kind, *_ in seen] == [kind for kind in FILES for _ in range(3)]
    for _, error, message, mebibytes in seen:
        assert error == "ModelError", message
        assert len(message.splitlines()) == 1
        assert mebibytes < 64, message


SIZES_PROGRAM = """
import importlib.util, json, resource, sys
from pathlib import Path
import torch
from safetensors.torch import save_file
from snellen.models.resolve import resolve
from snellen.training.discussion import frozen_parameters
from snellen.training.files import read_results

def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10

def said(function, argument):
    try:
        return function(argument)
    except Exception as error:
        return str(error)

def measured(function, small, large):
    # First a small one: what it imports stays.
    said(function, small)
    before = peak()
    print(json.dumps([said(function, large), peak() - before]))

def of_config(config):
    (model / "config.json").write_text(json.dumps(config))
    resolve(str(model))

def of_options(options):
    values["recipe"]["network_options"] = options
    (run / "metrics.json").write_text(json.dumps(values))
    return frozen_parameters(read_results(run)[0])

model, run = Path(sys.argv[1]) / "model", Path(sys.argv[1]) / "run"
model.mkdir()
run.mkdir()
save_file({"weight": torch.zeros(3)}, model / "model.safetensors", {"format": "pt"})
values = json.loads(Path(sys.argv[2]).read_text())
measured(of_options, {"widths": [8, 8, 8]}, {"widths": [2048, 2048, 2048], "members": 4})
of_timm = {"architecture": "vit_tiny_patch16_224", "num_classes": 2, "label_names": ["a", "b"]}
small, large = ({"embed_dim": width, "depth": 2, "num_heads": 4} for width in (16, 4096))
for more in ({}, {"drop_rate": 2.0}, {"drop_path_rate": 1.0}):
    measured(of_config, of_timm | {"model_args": small}, of_timm | {"model_args": large | more})
if importlib.util.find_spec("transformers"):
    of_transformers = {
        "model_type": "vit", "architectures": ["ViTForImageClassification"], "num_hidden_layers": 1,
        "num_attention_heads": 4, "image_size": 32, "patch_size": 16, "id2label": {"0": "a", "1": "b"},
    }
    small, large = ({"hidden_size": width, "intermediate_size": width} for width in (16, 4096))
    measured(of_config, of_transformers | small, of_transformers | large)
"""


def test_networks_larger_than_their_file_are_not_made(tmp_path: Path) -> None:
    """What a metrics.json or a config.json says of a network's size costs no memory before it is refused or counted."""
    metrics = Path(__file__).parents[1] / "results" / "cifar10" / "deep" / "seed-0" / "metrics.json"
    done = forked.run(tmp_path, metrics, program=SIZES_PROGRAM)
    assert done.returncode == 0, done.stderr
    seen = [json.loads(line) for line in done.stdout.splitlines()]
    (frozen, _), *refusals = seen
    # Four members, each of 12 filters of 3 x 2 x 2; their mirror images are not stored.
    assert frozen == 4 * 12 * 3 * 2 * 2
    messages = [
        "does not fit vit_tiny_patch16_224: blocks.0.attn.proj.bias is absent",
        "drop_rate is 2.0 (at least 0 and below 1)",
        "drop_path_rate is 1.0 (at least 0 and below 1)",
    ]
    if importlib.util.find_spec("transformers") is not None:
        # In units of its width of 4,096: patches of 3 x 16 x 16, four maps of attention and two behind it with their
        # biases, three normalisations, the class token, five places, two classes; and their two biases.
        numbers = 4096 * (3 * 16 * 16 + 1 + 6 * (4096 + 1) + 3 * 2 + 1 + 5 + 2) + 2
        messages.append(f"its weights do not fit ViTForImageClassification: 3 numbers, expected {numbers:,}")
    for (said, _), message in zip(refusals, messages, strict=True):
        assert message in said
    assert max(mebibytes for _, mebibytes in seen) < 64, seen


def test_what_cannot_be_made_is_not_made_a_second_time(tmp_path: Path) -> None:
    """Only what needs a tensor's values, as RegNet does, is made in real memory before the shapes are compared."""
    save_file({"weight": torch.zeros(3)}, tmp_path / "late.safetensors")
    devices = []

    def network(classes: int) -> nn.Module:
        devices.append(nn.Linear(2, classes).weight.device.type)
        raise ValueError("dropout of 2.0")

    with pytest.raises(ModelError, match="late: cannot be made: dropout of 2.0"):
        build("late", "late", tmp_path / "late.safetensors", lambda classes: made("late", lambda: network(classes)))
    assert devices == ["meta"]


@pytest.mark.parametrize(
    ("seeds", "message"),
    [([0] * 50_000, "50,000 runs"), ([0, 1, 0], "the same seed more than once"), ([], "0 runs")],
)
def test_a_summary_of_one_run_many_times(tmp_path: Path, snellen_command, seeds: list[int], message: str) -> None:
    """The list is looked at before any run's result is read."""
    runs = [{"seed": seed, "folder": "x", "test_accuracy": 0.1} for seed in seeds]
    (tmp_path / "metrics.json").write_text(json.dumps({"runs": runs}), encoding="utf-8")
    done = snellen_command("compare", tmp_path, tmp_path)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr
    assert f"metrics.json: {message}" in done.stderr
