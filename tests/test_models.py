"""Any classifier people have: torchvision's, transformers', one's own; what is not said is asked for by name."""

import functools
import hashlib
import json
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

import snellen
from snellen import Classifier, InputError, ModelError
from snellen.data.labels import (
    described_labels,
    imagenet_labels,
    imagenet_subset,
    label_of_folder,
    numbered_labels,
    read_labels,
)
from snellen.data.preprocessing import IMAGENET_PREPROCESSING, Preprocessing, PreprocessingConfig, crop_fraction_of
from snellen.models import resolve as resolving
from snellen.models.classifier import penultimate
from snellen.models.create import create, is_program
from snellen.models.listing import describe_model, list_models
from snellen.models.pretrained import LoadOptions, wrapping_prefix
from snellen.models.resolve import resolve
from snellen.models.timm_hub import is_classifier, settings_notes, timm_preprocessing

import timm  # isort: skip
import torchvision  # isort: skip

SQUEEZENET = torchvision.models.SqueezeNet1_1_Weights.IMAGENET1K_V1
SHELL = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--size", "224", "--crop", "0.875"]


@pytest.fixture(scope="module")
def squeezenet_file(shared) -> Path:
    return shared / "weights" / "squeezenet1_1.safetensors"


def publish(folder: Path, monkeypatch, tensors: dict[str, Tensor], digest: str | None = None) -> Path:
    """Put weights into a torchvision cache of the test's own, as if torchvision had published them."""
    path = folder / "hub" / "checkpoints" / "squeezenet.pth"
    path.parent.mkdir(parents=True)
    torch.save(tensors, path)
    digest = digest or hashlib.sha256(path.read_bytes()).hexdigest()[:8]
    path = path.rename(path.with_name(f"squeezenet1_1-{digest}.pth"))
    monkeypatch.setenv("TORCH_HOME", str(folder))
    monkeypatch.setattr(SQUEEZENET.value, "url", f"https://127.0.0.1:9/{path.name}")
    return path


def say(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """The command line in this process: its status, what it prints, what it complains of."""
    from snellen.cli import main

    monkeypatch.setattr(sys, "argv", ["snellen", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code, *capsys.readouterr()


def test_squeezenet_answers_alike_however_it_is_named(squeezenet_file, imagenet, tmp_path, monkeypatch) -> None:
    """By torchvision's name, by a .py file, by module:function and wrapped by hand; as torchvision's own pipeline."""
    tensors = load_file(squeezenet_file)
    publish(tmp_path, monkeypatch, tensors)
    program = tmp_path / "net.py"
    program.write_text("from torchvision.models import squeezenet1_1 as network\n", encoding="utf-8")
    network = torchvision.models.squeezenet1_1()
    network.load_state_dict(tensors)
    described = {"labels": "imagenet", "preprocessing": "imagenet", "device": "cpu"}
    classifiers = [
        snellen.load("squeezenet1_1", device="cpu"),
        snellen.load("torchvision:squeezenet1_1.IMAGENET1K_V1", device="cpu"),
        snellen.load(squeezenet_file, architecture="squeezenet1_1", labels="imagenet", device="cpu"),
        snellen.load(squeezenet_file, architecture=str(program), **described),
        snellen.load(squeezenet_file, architecture="torchvision.models:squeezenet1_1", **described),
        Classifier(network.eval(), IMAGENET_PREPROCESSING, imagenet_labels(), name="mine", device="cpu"),
    ]
    assert {(one.preprocessing, one.labels) for one in classifiers} == {(IMAGENET_PREPROCESSING, imagenet_labels())}
    inputs = [IMAGENET_PREPROCESSING.preprocess_image(snellen.read_image(path)) for path in imagenet]
    pixels = torch.from_numpy(np.stack(inputs)).permute(0, 3, 1, 2).float() / 255
    theirs = [SQUEEZENET.transforms()(Image.open(path).convert("RGB")) for path in imagenet[:4]]
    with torch.no_grad():
        logits = [one.logits_from_inputs(pixels[:4]) for one in classifiers]
        expected = network(torch.stack(theirs))
        all_of_them = classifiers[0].logits_from_inputs(pixels)
    for one in logits:
        torch.testing.assert_close(one, expected, atol=1e-4, rtol=1e-4)
    truth = torch.tensor([label_of_folder(imagenet_labels(), str(path)) for path in imagenet])
    hits = all_of_them.topk(5).indices == truth[:, None]
    # What torchvision's own network and transforms give on these files.
    assert (hits[:, 0].sum().item(), hits.any(dim=1).sum().item()) == (55, 82)
    # It ends in a convolution and pooling: its features are the mean of what that convolution receives.
    with torch.no_grad():
        maps = network.features(IMAGENET_PREPROCESSING.normalise(pixels[:4]))
        torch.testing.assert_close(classifiers[0].embed_inputs(pixels[:4]), maps.mean(dim=(2, 3)))


def test_an_exam_on_squeezenet_from_the_shell(squeezenet_file, imagenet, tmp_path, monkeypatch, capsys) -> None:
    """A configuration runs nothing; what the command line names is run, and the report says what was taken."""
    (tmp_path / "net.py").write_text("from torchvision.models import squeezenet1_1 as network\n", encoding="utf-8")
    config = tmp_path / "exam.toml"
    common = f'model = "{squeezenet_file}"\nparts = ["categories"]\nphotographs = ["coffee.png"]\n'
    config.write_text(f'architecture = "net.py"\n{common}', encoding="utf-8")
    status, _, said = say(monkeypatch, capsys, "exam", config, "--out", tmp_path / "no")
    assert status == 2
    assert "exam.toml, line 1: architecture is 'net.py', a program, which no configuration may run" in said
    assert not (tmp_path / "no").exists()
    config.write_text(
        f'model_labels = "imagenet"\n{common}[preprocessing]\nmean = [0.485, 0.456, 0.406]\nstd = "x"\n',
        encoding="utf-8",
    )
    status, _, said = say(monkeypatch, capsys, "exam", config, "--out", tmp_path / "no")
    assert (status, "std is 'x'" in said) == (2, True)
    config.write_text(f'model_labels = "imagenet"\n{common}', encoding="utf-8")
    arguments = "exam", config, "--out", tmp_path / "exam", "--architecture", tmp_path / "net.py", *SHELL
    status, _, said = say(monkeypatch, capsys, *arguments)
    assert (status, "give --interpolation" in said) == (2, True)
    status, _, said = say(monkeypatch, capsys, *arguments, "--interpolation", "bilinear")
    assert status == 0, said
    page = (tmp_path / "exam" / "report.html").read_text(encoding="utf-8")
    assert "espresso" in page
    assert "the shorter side to 256 pixels (bilinear, antialiased)" in page


def test_torchvision_weights_that_are_not_taken(tmp_path, monkeypatch) -> None:
    tensors = torchvision.models.squeezenet1_1().state_dict()
    path = publish(tmp_path, monkeypatch, tensors, digest="0" * 8)
    with pytest.raises(ModelError, match=r"squeezenet1_1-00000000.pth is not the file that was published"):
        resolve("squeezenet1_1")
    path.unlink()
    with pytest.raises(ModelError, match="not on this machine and the hub cannot be reached"):
        resolve("torchvision:squeezenet1_1")
    with pytest.raises(ModelError, match=r"no such weights .*IMAGENET1K_V1"):
        resolve("squeezenet1_1.V9")
    with pytest.raises(ModelError, match=r"https://a\.org/net: an address, .*hf-hub:owner/name"):
        resolve("https://a.org/net")
    with pytest.raises(ModelError, match=r"no model named 'torchvision:vgg17' .*did you mean vgg"):
        resolve("torchvision:vgg17")
    with pytest.raises(ModelError, match="it has no classes"):
        resolve("torchvision:vgg16.IMAGENET1K_FEATURES")


def test_a_pickle_that_bears_its_digest_still_runs_nothing(tmp_path, monkeypatch) -> None:
    """The digits in a file's name are few enough to be forged."""
    witness = tmp_path / "it-ran"

    class Hostile:
        def __reduce__(self):
            return Path.touch, (witness,)

    publish(tmp_path, monkeypatch, {"a": Hostile()})
    with pytest.raises(ModelError, match=r"squeezenet1_1: .*holds things that are not weights"):
        resolve("squeezenet1_1")
    assert not witness.exists()


def test_every_torchvision_name_has_its_preprocessing_and_size() -> None:
    names = list_models("torchvision:*")
    assert len(names) > 100
    assert "torchvision:vgg16.IMAGENET1K_FEATURES" not in names
    assert describe_model("torchvision:vgg16.IMAGENET1K_V1").parameters == 138357544
    for name in names:
        weights = torchvision.models.get_model_weights(name.removeprefix("torchvision:").split(".")[0])
        theirs = weights[name.split(".")[1]].transforms()
        ours = resolving.from_torchvision.__globals__["published_preprocessing"](weights[name.split(".")[1]]).complete()
        assert [ours.size[0], ours.geometry(999, 999).resized[0]] == [*theirs.crop_size, *theirs.resize_size]


@pytest.mark.parametrize(("size", "resized"), [(224, 232), (480, 480), (299, 342), (7, 9), (224, 256), (518, 518)])
def test_a_crop_fraction_gives_back_the_size_it_was_made_of(size: int, resized: int) -> None:
    fraction = crop_fraction_of(size, resized)
    assert (
        Preprocessing((size, size), fraction, "bilinear", (0,) * 3, (1,) * 3).geometry(999, 999).resized[0] == resized
    )


# ---- one's own module -------------------------------------------------------------------------------------------

OWN = """
from torch import nn

from blocks import HIDDEN

class Net(nn.Sequential):
    def __init__(self, num_classes):
        super().__init__(nn.Conv2d(3, HIDDEN, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
                         nn.Linear(HIDDEN, num_classes))

def network(classes):
    from blocks import HIDDEN as again
    return Net(classes)

def fixed():
    return Net(2)
"""
SAID = {"preprocessing": {"mean": 0.5, "std": 0.5, "size": 16, "crop": 1, "interpolation": "bilinear"}, "device": "cpu"}


def own_program(folder: Path, hidden: int) -> Path:
    folder.mkdir(exist_ok=True)
    (folder / "blocks.py").write_text(f"HIDDEN = {hidden}\n", encoding="utf-8")
    (folder / "net.py").write_text(OWN, encoding="utf-8")
    return folder / "net.py"


@pytest.mark.parametrize("function", ["", ":Net", ":fixed"])
def test_a_program_with_its_neighbours(tmp_path, function: str) -> None:
    """Two programs of one name do not get each other's neighbours, and nothing of them stays behind."""
    before = set(sys.modules), list(sys.path)
    for folder, hidden in ((tmp_path / "one", 4), (tmp_path / "other", 5)):
        program = own_program(folder, hidden)
        network = create(f"{program}{function}", 2)
        assert next(iter(network.parameters())).shape == (hidden, 3, 3, 3)
        save_file(network.state_dict(), folder / "w.safetensors")
        loaded = snellen.load(folder / "w.safetensors", architecture=f"{program}{function}", labels=["a", "b"], **SAID)
        pixels = torch.rand(2, 3, 16, 16)
        with torch.no_grad():
            expected = network.eval()(loaded.preprocessing.normalise((pixels * 255).round() / 255))
            torch.testing.assert_close(loaded.logits((pixels * 255).round() / 255), expected, atol=1e-5, rtol=1e-5)
    assert sys.path == before[1]
    assert not {name for name in sys.modules if name == "blocks"}


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("{}/gone.py", "gone.py: no such file"),
        ("{}/net.py:nothing", r"has no function nothing\(classes\)"),
        ("{}/broken.py", "broken.py: ZeroDivisionError"),
        ("{}/five.py", "made int"),
        ("nowhere.at_all:network", "nowhere.at_all: cannot be imported: ModuleNotFoundError"),
        ("torch.nn:nothing", r"has no function nothing"),
    ],
)
def test_programs_that_make_no_network(tmp_path, architecture: str, message: str) -> None:
    own_program(tmp_path, 3)
    (tmp_path / "broken.py").write_text("1 / 0", encoding="utf-8")
    (tmp_path / "five.py").write_text("def network(): return 5", encoding="utf-8")
    with pytest.raises(ModelError, match=message):
        create(architecture.format(tmp_path), 2)


def test_what_is_a_program() -> None:
    assert [name for name in ("net.py", "a/net.py:make", "p.m:f", "m:C.make") if not is_program(name)] == []
    assert [name for name in ("resnet18", "torchvision:vgg16", "hf-hub:a/b", "vit.tag", "") if is_program(name)] == []


@pytest.fixture
def own(tmp_path) -> tuple[Path, Path]:
    """A program and its weights, which say nothing of themselves."""
    program = own_program(tmp_path, 4)
    torch.manual_seed(0)
    save_file(create(str(program), 3).state_dict(), tmp_path / "w.safetensors")
    return program, tmp_path / "w.safetensors"


def test_what_is_not_said_is_asked_for(own) -> None:
    program, weights = own
    with pytest.raises(
        ModelError, match=r"which preprocessing\? \(give `mean`, `std`, `size`, `crop`, `interpolation`"
    ):
        snellen.load(weights, architecture=str(program), labels="numbered")
    partial = {"mean": 0.5, "size": [16, 16], "crop": 1.0}
    with pytest.raises(ModelError, match=r"give `std`, `interpolation`, or"):
        snellen.load(weights, architecture=str(program), labels="numbered", preprocessing=partial)
    with pytest.raises(ModelError, match=r"what are its 3 classes called\? \(give `labels`"):
        snellen.load(weights, architecture=str(program), **SAID)
    with pytest.raises(ModelError, match="1,000 labels for 3 classes"):
        snellen.load(weights, architecture=str(program), labels="imagenet", **SAID)
    numbered = snellen.load(weights, architecture=str(program), labels="numbered", **SAID)
    assert numbered.labels == numbered_labels(3)


def test_a_network_of_one_channel_is_told_what_to_do(tmp_path) -> None:
    """Of gray images, such as MNIST's: no size helps, what helps is said, and helps."""
    program = tmp_path / "gray.py"
    program.write_text(
        "from torch import nn\n\nclass Gray(nn.Sequential):\n    def forward(self, x):\n"
        "        return super().forward(x.mean(1, keepdim=True))\n\ndef layers(classes):\n"
        "    return nn.Conv2d(1, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, classes)\n\n"
        "def network(classes):\n    return nn.Sequential(*layers(classes))\n\n"
        "def averaged(classes):\n    return Gray(*layers(classes))\n",
        encoding="utf-8",
    )
    torch.manual_seed(0)
    save_file(create(str(program), 3).state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"takes one channel, not three \(.*x\.mean\(1, keepdim=True\)"):
        snellen.load(tmp_path / "w.safetensors", architecture=str(program), labels="numbered", **SAID)
    averages = f"{program}:averaged"
    loaded = snellen.load(tmp_path / "w.safetensors", architecture=averages, labels="numbered", **SAID)
    assert loaded.logits(torch.rand(1, 3, 16, 16)).shape == (1, 3)


def test_one_logit_is_refused_with_a_way_on(tmp_path, monkeypatch, capsys) -> None:
    """A network that ends in a sigmoid would be sure of its one class, and right about all photographs."""
    program = own_program(tmp_path, 3)
    torch.manual_seed(0)
    save_file(create(str(program), 1).state_dict(), tmp_path / "w.safetensors")
    way = r"gives one logit, of which the softmax is always 1 \(.*torch\.cat\(\[torch\.zeros_like\(z\), z\], 1\)"
    for labels in (None, "numbered", ["cat"], ["cat", "dog"]):
        with pytest.raises(ModelError, match=way):
            snellen.load(tmp_path / "w.safetensors", architecture=str(program), labels=labels, **SAID)
    with pytest.raises(ModelError, match=way):
        Classifier(create(str(program), 1), IMAGENET_PREPROCESSING, ["cat"], name="mine", device="cpu")
    two = program.read_text(encoding="utf-8") + (
        "\nclass Two(Net):\n    def forward(self, x):\n        import torch\n        z = super().forward(x)\n"
        "        return torch.cat([torch.zeros_like(z), z], 1)\n\ndef two():\n    return Two(1)\n"
    )
    program.write_text(two, encoding="utf-8")
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), (10, 200, 90)).save(photo)
    (tmp_path / "labels.txt").write_text("dog\ncat\n", encoding="utf-8")
    fed = ["--mean", "0.5", "--std", "0.5", "--size", "16", "--crop", "1", "--interpolation", "bilinear"]
    model = ["--model", tmp_path / "w.safetensors", "--labels", tmp_path / "labels.txt", *fed]
    status, _, said = say(monkeypatch, capsys, "classify", photo, *model, "--architecture", program)
    assert (status, "gives one logit" in said) == (2, True), said
    status, out, said = say(
        monkeypatch, capsys, "classify", photo, *model, "--architecture", f"{program}:two", "--json"
    )
    assert status == 0, said
    assert {one["label"] for one in json.loads(out)[0]["predictions"]} == {"cat", "dog"}


@pytest.mark.parametrize("architecture", [None, "resnet18"])
def test_what_lies_there_and_is_no_model(tmp_path, monkeypatch, capsys, architecture) -> None:
    """Said as what it is, without the network, whether it is called by its path or looks like owner/name."""
    monkeypatch.setattr(resolving, "_from_publisher", lambda *_: pytest.fail("asked a publisher"))
    monkeypatch.chdir(tmp_path)
    for name in ("runs/probe", "runs/empty"):
        Path(name).mkdir(parents=True)
    Path("runs/probe/probe.json").write_text("{}", encoding="utf-8")
    Path("runs/weights").write_bytes(b"")
    for name, message in (
        ("runs/probe", "runs/probe: holds a probe, no network (give it as --probe; in Python, snellen.load_probe)"),
        ("./runs/probe", "runs/probe: holds a probe, no network (give it as --probe"),
        ("runs/empty", "runs/empty: a folder without config.json and model.safetensors (one of a training run, or"),
        ("runs/weights", "runs/weights: no .safetensors file (weights that end so, or the folder of a run)"),
    ):
        given = ["--model", name, *([] if architecture is None else ["--architecture", architecture])]
        status, _, said = say(monkeypatch, capsys, "classify", "photo.png", *given)
        assert (status, message in said) == (2, True), said


def test_a_folder_that_is_called_like_a_published_model_hides_nothing(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(resolving, "_from_publisher", lambda name, _: pytest.fail(f"{name}, as it should"))
    monkeypatch.chdir(tmp_path)
    for name in ("resnet18", "vgg16.IMAGENET1K_V1"):
        Path(name).mkdir()
        with pytest.raises(pytest.fail.Exception, match="as it should"):
            resolve(name)


def test_a_thousand_classes_are_not_imagenet_unless_somebody_says_so(tmp_path) -> None:
    save_file(timm.create_model("test_vit").state_dict(), tmp_path / "w.safetensors")
    with pytest.raises(ModelError, match=r"what are its 1,000 classes called\?"):
        resolve(str(tmp_path / "w.safetensors"), LoadOptions("test_vit"))
    found = snellen.load(tmp_path / "w.safetensors", architecture="test_vit", labels="imagenet", device="cpu")
    assert found.labels[812] == "space shuttle"
    assert found.notes == ("nothing says its mean, std, size, crop, interpolation: taken from the published test_vit",)
    given = {"mean": 0.5, "std": 0.5, "size": 160, "crop": 1.0, "interpolation": "bilinear"}
    told = snellen.load(tmp_path / "w.safetensors", architecture="test_vit", labels="numbered", preprocessing=given)
    assert told.notes == ()


@pytest.mark.parametrize(("classes", "train_size", "side"), [(1000, False, 288), (1000, True, 224), (3, False, 224)])
def test_timm_s_weights_in_a_file_are_fed_as_those_that_are_asked_for_by_name(
    tmp_path, classes: int, train_size: bool, side: int
) -> None:
    """ResNet-18 was trained at 224 and its published accuracy measured at 288; of other classes it is fine-tuned."""
    name, file = "resnet18.a1_in1k", tmp_path / "w.safetensors"
    save_file(timm.create_model("resnet18", num_classes=classes).state_dict(), file)
    config = timm.get_pretrained_cfg(name)
    found = resolve(str(file), LoadOptions(name, labels="numbered", train_size=train_size))
    timms = timm_preprocessing(config, train_size=side == 224)
    assert found.preprocessing == timms
    assert timms.size == (side, side)
    assert "published with 288 x 288 at a crop of 1, trained with 224 x 224 at a crop of 0.95" in found.notes[-1]


def test_googlenet_in_a_file_reads_its_input_as_the_published_one_does(tmp_path, monkeypatch) -> None:
    """torchvision sets ``transform_input`` where it loads published weights; a file of them does not keep it."""
    torch.manual_seed(0)
    theirs = torchvision.models.googlenet(weights=None, init_weights=False, aux_logits=False, transform_input=True)
    theirs.eval()
    save_file(theirs.state_dict(), tmp_path / "w.safetensors")
    options = {"architecture": "torchvision:googlenet", "labels": "numbered", "device": "cpu"}
    found = snellen.load(tmp_path / "w.safetensors", **options)
    inputs = torch.rand(1, 3, *found.preprocessing.size)
    with torch.inference_mode():
        torch.testing.assert_close(
            found.logits_from_inputs(inputs), theirs(found.preprocessing.normalise(inputs)), rtol=1e-3, atol=1e-4
        )
    # Whoever says how the pixels are normalised says all of it.
    told = snellen.load(tmp_path / "w.safetensors", preprocessing={"mean": 0.5, "std": 0.5}, **options)
    assert not told.network.transform_input


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("cat\n\n dog \nfish\n", ("cat", "dog", "fish")),
        ('["cat", "dog", "fish"]', ("cat", "dog", "fish")),
        ("\ufeffcat\r\ndog, dogs\r\nfish", ("cat", "dog, dogs", "fish")),
        ("n02123045\nn02085620\nn01440764", ("tabby", "Chihuahua", "tench")),
    ],
)
def test_labels_files(own, text: str, names: tuple[str, ...]) -> None:
    program, weights = own
    file = weights.with_name("labels.txt")
    file.write_text(text, encoding="utf-8")
    loaded = snellen.load(weights, architecture=str(program), labels=file, **SAID)
    assert loaded.labels.names == names
    if "n02085620" in text:
        assert loaded.labels.find("n02085620") == loaded.labels.find("chihuahua") == 1
        assert label_of_folder(loaded.labels, "set/n02085620/dog.jpg") == 1


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("cat\ndog\ncat", "two classes are named 'cat'"),
        ('["cat", 3]', "not a list of texts"),
        ('{"cat": 0}', "not a list of texts"),
        ("[" * 100_000, "not JSON"),
        ("", "0 labels"),
        ("\x00\xff", "not a text file"),
    ],
)
def test_labels_files_that_are_refused(tmp_path, text: str, message: str) -> None:
    file = tmp_path / "labels"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=f"labels: .*{message}"):
        read_labels(file)


@pytest.mark.parametrize(
    "prefix", ["module.", "model.", "_orig_mod.", "ema.", "state_dict.model.", "_orig_mod.module."]
)
def test_wrappers_prefixes_are_taken_off_and_said(own, prefix: str) -> None:
    program, weights = own
    wrapped = weights.with_name("wrapped.safetensors")
    save_file({f"{prefix}{name}": value for name, value in load_file(weights).items()}, wrapped)
    plain, found = (
        snellen.load(path, architecture=str(program), labels="numbered", **SAID) for path in (weights, wrapped)
    )
    assert found.notes == (f"the prefix {prefix!r} was taken off the names of its tensors",)
    assert plain.notes == ()
    pixels = torch.rand(1, 3, 16, 16)
    assert torch.equal(plain.logits(pixels), found.logits(pixels))


@pytest.mark.parametrize(("entry", "prefix"), [("model", "module."), ("state_dict", "model.")])
def test_a_checkpoint_of_a_wrapper_is_converted_as_the_page_says(own, entry: str, prefix: str) -> None:
    """DataParallel's of a training script, and Lightning's."""
    program, weights = own
    checkpoint, converted = weights.with_name("theirs.ckpt"), weights.with_name("converted.safetensors")
    theirs = {f"{prefix}{name}": value for name, value in load_file(weights).items()}
    torch.save({"epoch": 3, entry: theirs, "optimizer": {}}, checkpoint)
    page = Path(__file__).parents[1] / "docs" / "how-to" / "own-model.md"
    (row,) = (line for line in page.read_text(encoding="utf-8").splitlines() if line.startswith("| names with"))
    code = next(part for part in row.split("`") if part.startswith("save_file("))
    said = code.replace("FILE", repr(str(checkpoint))).replace("model.safetensors", str(converted))
    exec(said.replace('"state_dict"', repr(entry)), {"torch": torch, "save_file": save_file})
    plain, found = (
        snellen.load(path, architecture=str(program), labels="numbered", **SAID) for path in (weights, converted)
    )
    assert found.notes == (f"the prefix {prefix!r} was taken off the names of its tensors",)
    pixels = torch.rand(1, 3, 16, 16)
    assert torch.equal(plain.logits(pixels), found.logits(pixels))


def test_a_prefix_that_is_the_networks_own_stays() -> None:
    assert wrapping_prefix(["model.a"], ["model.a"]) == ""
    assert wrapping_prefix(["module.model.a", "module.b"], ["model.a", "b"]) == "module."
    assert wrapping_prefix(["model.a", "ema.a"], ["a"]) == ""
    assert wrapping_prefix(["x.a"], ["a"]) == ""


def test_a_preprocessing_file_and_what_it_may_say(own) -> None:
    program, weights = own
    file = weights.with_name("preprocessing.json")
    file.write_text(json.dumps({"mean": [0.1] * 3, "std": 1, "input_size": [3, 16, 24], "crop_pct": 1.0,
                                "interpolation": "bicubic", "crop_mode": "border"}), encoding="utf-8")  # fmt: skip
    load = functools.partial(snellen.load, weights, architecture=str(program), labels="numbered", device="cpu")
    found = load(preprocessing=file).preprocessing
    assert found == Preprocessing((16, 24), 1.0, "bicubic", (0.1, 0.1, 0.1), (1.0, 1.0, 1.0), "border")
    file.write_text('{"mean": [0.1, 0.1], "std": 1}', encoding="utf-8")
    with pytest.raises(InputError, match=r"preprocessing.json: mean "):
        load(preprocessing=file)
    file.write_text('{"maen": 0.1}', encoding="utf-8")
    with pytest.raises(InputError, match=r"preprocessing.json: unknown key 'maen' .*did you mean mean"):
        load(preprocessing=file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": 123.675}, "`mean` is 123.675.*divide by 255"),
        ({"mean": float("nan")}, "`mean` is nan"),
        ({"std": 0}, "`std` is 0"),
        ({"std": float("inf")}, "`std` is inf"),
        ({"size": 20000}, "`size` is 20000 x 20000 .*2048"),
        ({"size": 0}, "`size` is 0"),
        ({"crop": 0}, "`crop` is 0"),
        ({"crop": 1e-320}, "`crop` is 9.99989e-321"),
        ({"crop": 0.001}, "`crop` is 0.001 of a larger image"),
        ({"size": [1, 28, 28]}, "1 channels"),
    ],
)
def test_numbers_that_make_no_sense(change, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PreprocessingConfig.from_plain(SAID["preprocessing"] | change, "here").complete()


def test_the_shell_describes_a_model(own, tmp_path, monkeypatch, capsys) -> None:
    """One's own network, its labels and its preprocessing, in one command; and what is wrong, by the option's name."""
    program, weights = own
    (tmp_path / "labels.txt").write_text("cat\ndog\nfish\n", encoding="utf-8")
    photo = tmp_path / "photo.png"
    Image.new("RGB", (40, 30), (10, 200, 90)).save(photo)
    ours = ["--mean", "0.5", "--std", "0.5,0.5,0.5", "--size", "16x24", "--crop", "1", "--interpolation", "bicubic"]
    model = ["--model", weights, "--architecture", program, "--labels", tmp_path / "labels.txt"]
    status, out, said = say(monkeypatch, capsys, "classify", photo, *model, *ours, "--json")
    assert status == 0, said
    assert {one["label"] for one in json.loads(out)[0]["predictions"]} == {"cat", "dog", "fish"}
    for wrong, message in (
        (["--size", "16,16"], "--size is '16,16' (224 or 96x160)"),
        (["--mean", "a"], "--mean is 'a'"),
        (["--interpolation", "cubic"], "interpolation is 'cubic'"),
        (["--labels", tmp_path / "gone"], "gone: cannot be read"),
    ):
        status, _, said = say(monkeypatch, capsys, "classify", photo, *model, *ours, *wrong)
        assert (status, message in said) == (2, True), said


def test_a_probe_on_ones_own_network(own, tmp_path, monkeypatch, capsys) -> None:
    """Beside a bundled one, and back from its folder: the program is named each time, its labels do not matter."""
    program, weights = own
    for number in range(12):
        photo = tmp_path / "set" / ("red", "green")[number % 2] / f"{number}.png"
        photo.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (20, 20), (250 - number, 9, 9) if number % 2 == 0 else (9, 250 - number, 9)).save(photo)
    common = ["--classifier", "ridge", "--engine", "torch", "--architecture", program, "--labels", "numbered"]
    fed = ["--mean", "0.5", "--std", "0.5", "--size", "32", "--crop", "1", "--interpolation", "bilinear"]
    compared = f"{weights},tf_efficientnet_lite0"
    status, out, said = say(monkeypatch, capsys, "probe", tmp_path / "set", "--compare", compared, *common[:-2], *fed)
    assert status == 2
    assert "what are its 3 classes called? (give --labels" in said
    run = ["--model", weights, "--out", tmp_path / "run"]
    status, out, said = say(monkeypatch, capsys, "probe", tmp_path / "set", *run, *common, *fed)
    assert (status, "top-1 accuracy: 1.000" in out) == (0, True), said
    classify = ["classify", photo, "--probe", tmp_path / "run", "--json"]
    status, _, said = say(monkeypatch, capsys, *classify)
    assert (status, "which architecture?" in said) == (2, True)
    status, out, said = say(monkeypatch, capsys, *classify, "--architecture", program)
    assert (status, json.loads(out)[0]["predictions"][0]["label"]) == (0, "green"), said


# ---- features ---------------------------------------------------------------------------------------------------


class Ends(nn.Module):
    """A convolution, then a last layer of some kind."""

    def __init__(self, last: nn.Module, tokens: bool = False) -> None:
        super().__init__()
        self.unused, self.first, self.last, self.tokens = nn.Linear(7, 7), nn.Conv2d(3, 5, 1), last, tokens

    def forward(self, inputs: Tensor) -> Tensor:
        maps = self.first(inputs)
        if self.tokens:
            return self.last(maps.flatten(2).mT).mean(dim=1)
        return self.last(maps).mean(dim=(2, 3))


def test_features_are_what_the_last_layer_receives() -> None:
    inputs = torch.rand(2, 3, 4, 6)
    with torch.no_grad():
        for network in (Ends(nn.Conv2d(5, 9, 1)), Ends(nn.Conv2d(5, 9, 3)), Ends(nn.Linear(5, 9), tokens=True)):
            maps = network.first(inputs)
            torch.testing.assert_close(penultimate(network, inputs), maps.mean(dim=(2, 3)))
        covering = Ends(nn.Conv2d(5, 9, (4, 6)))
        torch.testing.assert_close(penultimate(covering, inputs), covering.first(inputs).flatten(1))


# ---- names ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("classes", [1000, 11221, 11821, 21841, 21842, 21843])
def test_the_parts_of_imagenet_have_names_of_their_own(classes: int) -> None:
    labels = imagenet_subset(classes)
    assert len(labels) == classes == len({name.casefold() for name in labels})
    dog = labels.find("n02085620")
    assert labels[dog] == "Chihuahua"
    assert label_of_folder(labels, "n02085620/dog.jpg") == dog


def test_shared_lemmas_are_told_apart() -> None:
    labels = described_labels(["crane, bird", "crane", "crane", "tench, Tinca tinca"])
    assert labels.names == ("crane (bird)", "crane (1)", "crane (2)", "tench")
    assert labels.find("Tinca tinca") == 3


def test_towers_are_neither_offered_nor_taken() -> None:
    offered = list_models()
    for name in offered:
        if not name.startswith("torchvision:"):
            classes = timm.get_pretrained_cfg(name).num_classes
            assert imagenet_subset(classes) is not None or classes > 2048, (name, classes)
    assert "vit_base_patch16_clip_224.openai_ft_in1k" in offered
    assert "convnext_base.clip_laion2b" not in offered
    with pytest.raises(ModelError, match=r"an image tower without a classifier: its 512 outputs are an embedding"):
        resolve("vit_base_patch16_clip_224.openai")
    with pytest.raises(ModelError, match=r"fine-tuned: convnext_base.clip_laion2b_augreg_ft"):
        resolve("convnext_base.clip_laion2b")
    assert is_classifier(timm.get_pretrained_cfg("vit_base_patch16_224.augreg_in21k"))


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("test_vit.r160_in1k", "test_vit.r160_in1k"),
        ("timm/test_vit.r160_in1k", "test_vit.r160_in1k"),
        ("hf-hub:timm/test_vit.r160_in1k", "test_vit.r160_in1k"),
        ("hf_hub:timm/test_vit.r160_in1k", "test_vit.r160_in1k"),
        ("hf_hub:someone/plants", "someone/plants"),
        ("someone/plants", "someone/plants"),
        ("timm/of-another-kind", "timm/of-another-kind"),
    ],
)
def test_ways_to_write_a_name(monkeypatch, name: str, asked: str) -> None:
    class AskedError(Exception):
        pass

    def note(one: object, *rest: object, **_: object) -> None:
        raise AskedError(rest[0].repository if rest else one)

    monkeypatch.setattr(resolving, "from_timm", note)
    monkeypatch.setattr(resolving, "_from_repository", note)
    with pytest.raises(AskedError, match=f"^{asked}$"):
        resolve(name)


def test_size_and_crop_are_those_of_the_published_accuracy() -> None:
    config = timm.get_pretrained_cfg("resnet50.a1_in1k")
    tested, trained = timm_preprocessing(config), timm_preprocessing(config, train_size=True)
    assert (tested.size, tested.crop_fraction) == ((288, 288), 1.0)
    assert (trained.size, trained.crop_fraction) == ((224, 224), 0.95)
    numbers = "published with 288 x 288 at a crop of 1, trained with 224 x 224 at a crop of 0.95"
    for train_size, taken in (
        (False, "those that its published accuracy was measured with"),
        (True, "those of training"),
    ):
        assert settings_notes(config, train_size=train_size) == [f"size and crop are {taken}: {numbers}"]
    assert settings_notes(timm.get_pretrained_cfg("vgg16.tv_in1k"), train_size=False) == []


# ---- repositories and folders -------------------------------------------------------------------------------------


def timm_folder(folder: Path, **changes: object) -> Path:
    """A folder as timm saves it, with another ``config.json``."""
    torch.manual_seed(0)
    config = {
        "architecture": "test_vit",
        "num_classes": 2,
        "label_names": ["healthy", "ill"],
        "model_args": {"img_size": 64},
        "pretrained_cfg": {
            "input_size": [3, 64, 64], "test_input_size": None, "crop_pct": 0.9, "test_crop_pct": 1.0,
            "interpolation": "bilinear", "mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "tag": "mine",
        },
    }  # fmt: skip
    save_file(timm.create_model("test_vit", num_classes=2, img_size=64).state_dict(), folder / "model.safetensors")
    merged = config | changes
    if "pretrained_cfg" in changes and isinstance(changes["pretrained_cfg"], dict):
        merged["pretrained_cfg"] = config["pretrained_cfg"] | changes["pretrained_cfg"]
    (folder / "config.json").write_text(json.dumps(merged), encoding="utf-8")
    return folder


def test_a_folder_that_timm_saved(tmp_path) -> None:
    found = resolve(str(timm_folder(tmp_path)))
    assert found.labels.names == ("healthy", "ill")
    assert found.preprocessing == Preprocessing((64, 64), 1.0, "bilinear", (0.1, 0.2, 0.3), (0.4, 0.5, 0.6))
    assert resolve(str(tmp_path), LoadOptions(train_size=True)).preprocessing.crop_fraction == 0.9


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_args": {"checkpoint_path": "evil.pth"}}, "unknown key 'checkpoint_path'"),
        ({"model_args": {"pretrained": True}}, "unknown key 'pretrained'"),
        ({"model_args": {"pretrained_cfg": {"file": "evil.pth"}}}, "unknown key 'pretrained_cfg'"),
        ({"model_args": {"layers": [1000000]}}, "unknown key 'layers'"),
        ({"model_args": {"depth": 1000000000}}, "depth is 1000000000"),
        ({"model_args": {"img_size": [64, 20000]}}, "img_size is"),
        ({"model_args": {"img_size": -1}}, "img_size is -1"),
        ({"model_args": {"global_pool": 5}}, "global_pool is 5"),
        ({"model_args": "x"}, "model_args is 'x'"),
        ({"model_args": {"window_size": 7}}, "cannot be made"),
        ({"architecture": "hf-hub:someone/else"}, "no architecture named 'hf-hub:someone/else'"),
        ({"architecture": "local-dir:/somewhere"}, "no architecture named"),
        ({"architecture": "x" * 100_000}, "no architecture named"),
        ({"architecture": None}, "lacks architecture"),
        ({"architecture": ["test_vit"]}, "architecture is"),
        ({"num_classes": 10**9}, "num_classes is 1000000000"),
        ({"num_classes": "2"}, "num_classes is '2'"),
        ({"num_classes": -1}, "num_classes is -1"),
        ({"label_names": "healthy"}, "label_names is 'healthy'"),
        ({"label_names": [1, 2]}, "label_names"),
        ({"label_names": ["a", "a"]}, "two classes are named 'a'"),
        ({"label_names": ["a", "b", "c"]}, "3 labels for 2 classes"),
        ({"label_names": []}, "what are its 2 classes called"),
        ({"label_descriptions": 3}, "label_descriptions is 3"),
        ({"pretrained_cfg": {"input_size": [3, 20000, 20000]}}, "`size` is 20000 x 20000"),
        ({"pretrained_cfg": {"input_size": [3, 64]}}, "input_size"),
        ({"pretrained_cfg": {"input_size": [1, 64, 64]}}, "1 channels"),
        ({"pretrained_cfg": {"mean": [float("nan")] * 3}}, "`mean` is nan"),
        ({"pretrained_cfg": {"mean": [None] * 3}}, "`mean` is nan"),
        ({"pretrained_cfg": {"mean": None}}, r"give `mean`"),
        ({"pretrained_cfg": {"std": [0, 1, 1]}}, "`std` is 0, 1, 1"),
        ({"pretrained_cfg": {"std": 3}}, "std is 3"),
        ({"pretrained_cfg": {"crop_pct": -1, "test_crop_pct": None}}, "`crop` is -1"),
        ({"pretrained_cfg": {"crop_mode": "tile"}}, "crop_mode is 'tile'"),
        ({"pretrained_cfg": {"interpolation": 3}}, "interpolation is 3"),
        ({"pretrained_cfg": 5}, "pretrained_cfg is 5"),
    ],
)
def test_hostile_configurations_of_timm(tmp_path, change, message: str) -> None:
    """One line that names the folder; nothing is run, fetched or allocated."""
    folder = timm_folder(tmp_path, **change)
    with pytest.raises(ModelError, match=message) as refused:
        resolve(str(folder))
    assert str(refused.value).startswith(str(folder))
    assert len(str(refused.value)) < 700


@pytest.mark.parametrize("text", ["", "5", "[]", "null", '{"a": 1}', "{" * 100_000, "\xff", '"x"', "{}", '{"a": NaN}'])
def test_configurations_that_are_none(tmp_path, text: str) -> None:
    (timm_folder(tmp_path) / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError, match="config.json"):
        resolve(str(tmp_path))


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        ({"options": '{"members": 1000000000}'}, "1000000000 members .*1 to 64"),
        ({"options": '{"widths": [10000000, 2, 2]}'}, "widths"),
        ({"options": '{"first": 100000}'}, "first filters of 100000"),
        ({"options": '{"members": "x"}'}, "cannot be made"),
        ({"options": '{"colour": 3}'}, "cannot be made"),
        ({"options": "[]"}, "options is"),
        ({"options": "{"}, "options: not JSON"),
        ({"labels": "5"}, "not a list of texts"),
        ({"labels": "[[]]"}, "not a list of texts"),
        ({"labels": "[" * 50_000}, "labels: not JSON"),
        ({"labels": "null"}, "not a list of texts"),
        ({"labels": json.dumps([str(number) for number in range(100_000)])}, "100,000 labels for 2 classes"),
        ({"preprocessing": '{"input_size": [3, 20000, 20000]}'}, "`size` is 20000"),
        ({"preprocessing": '{"mean": [NaN, 0, 0]}'}, "`mean` is nan"),
        ({"preprocessing": '{"std": [0, 1, 1]}'}, "`std` is 0, 1, 1"),
        ({"preprocessing": '{"std": "x"}'}, "std is 'x'"),
        ({"preprocessing": '{"interpolation": "cubic"}'}, "interpolation is 'cubic'"),
        ({"preprocessing": '{"colour": 1}'}, "unknown key 'colour'"),
        ({"preprocessing": "7"}, "its preprocessing"),
        ({"architecture": "hf-hub:someone/else"}, "no architecture named 'hf-hub:someone/else'"),
        ({"architecture": "x" * 100_000}, "no architecture named"),
        ({"architecture": "net.py"}, "a program of its owner's, net.py, which is not run unasked"),
        ({"architecture": "os:system"}, "a program of its owner's, os:system"),
        ({"architecture": "resnet18"}, "does not fit resnet18"),
    ],
)
def test_hostile_metadata_of_weights(tmp_path, metadata, message: str) -> None:
    plain = {
        "input_size": [3, 32, 32],
        "crop_pct": 1.0,
        "interpolation": "bicubic",
        "mean": [0, 0, 0],
        "std": [1, 1, 1],
    }
    given = json.loads(metadata["preprocessing"]) if metadata.get("preprocessing", "").startswith("{") else {}
    sound = {"architecture": "deep", "labels": '["a", "b"]', "preprocessing": json.dumps(plain | given)}
    path = tmp_path / "w.safetensors"
    hostile = metadata if "preprocessing" not in metadata or not given else {}
    save_file(create("deep", 2, {"widths": [4, 4, 4]}).state_dict(), path, metadata=sound | {
        "options": '{"widths": [4, 4, 4]}'} | hostile)  # fmt: skip
    with pytest.raises(ModelError, match=message) as refused:
        resolve(str(path))
    assert str(refused.value).startswith(str(path))
    assert len(str(refused.value)) < 700


def test_a_strangers_probe_leads_to_no_repository(tmp_path) -> None:
    from snellen.transfer.files import DESCRIPTION, WEIGHTS, load_probe

    plain = {"size": [64, 64], "crop_fraction": 1.0, "interpolation": "bilinear", "mean": [0] * 3, "std": [1] * 3}
    description = {
        "model": "hf-hub:stranger/repository", "weights": "0", "preprocessing": plain, "mirrored": False, "kind": "svm",
        "c": 1.0, "labels": ["a", "b"], "dataset": "digits", "data": "0", "format": 2,
    }  # fmt: skip
    (tmp_path / DESCRIPTION).write_text(json.dumps(description), encoding="utf-8")
    save_file({"weight": torch.zeros(2, 4), "bias": torch.zeros(2)}, tmp_path / WEIGHTS)
    with pytest.raises(InputError, match=r"learned from hf-hub:stranger/repository, .*give it as `model`"):
        load_probe(tmp_path)
    with pytest.raises(InputError, match="`probe` names its own model"):
        load_probe(tmp_path, model="hf-hub:another/one")
    (tmp_path / DESCRIPTION).write_text(
        json.dumps(description | {"preprocessing": plain | {"std": [0] * 3}}), encoding="utf-8"
    )
    with pytest.raises(InputError, match=r"probe.json, preprocessing: `std` is 0, 0, 0"):
        load_probe(tmp_path)


# ---- transformers -------------------------------------------------------------------------------------------------

LEMMAS = {0: "tench, Tinca tinca", 1: "crane", 2: "crane"}


def vit(transformers):
    """A transformer on squashed photographs."""
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=32, image_size=32, patch_size=8,
        id2label=LEMMAS, label2id={"tench, Tinca tinca": 0, "crane": 2},
    )  # fmt: skip
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    return transformers.ViTForImageClassification(config), processor


def resnet(transformers):
    """Convolutions on the centre of photographs, cropped by ConvNeXt's rule."""
    config = transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], num_labels=4)
    processor = transformers.ConvNextImageProcessor(size={"shortest_edge": 64}, crop_pct=0.875, resample=3)
    return transformers.ResNetForImageClassification(config), processor


def convnext(transformers):
    """Another, cropped as CLIP is, its pixels left between 0 and 255 and then normalised."""
    config = transformers.ConvNextConfig(hidden_sizes=[4, 8, 8, 16], depths=[1, 1, 1, 1], num_labels=3)
    processor = transformers.CLIPImageProcessor(
        size={"shortest_edge": 72}, crop_size={"height": 64, "width": 64}, do_rescale=False,
        image_mean=[120.0, 110.0, 100.0], image_std=[60.0, 61.0, 62.0],
    )  # fmt: skip
    return transformers.ConvNextForImageClassification(config), processor


def transformers_folder(folder: Path, make) -> Path:
    import transformers

    torch.manual_seed(0)
    model, processor = make(transformers)
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    for saved in (model, processor):
        saved.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("make", [vit, resnet, convnext])
def test_a_folder_that_transformers_saved_answers_as_its_own_pipeline(tmp_path, make, capfd) -> None:
    transformers = pytest.importorskip("transformers")
    folder = transformers_folder(tmp_path, make)
    capfd.readouterr()
    named = make is vit
    classifier = snellen.load(folder, labels=None if named else "numbered", device="cpu")
    assert capfd.readouterr() == ("", "")
    if named:
        assert classifier.labels.names == ("tench", "crane (1)", "crane (2)")
    processor = transformers.AutoImageProcessor.from_pretrained(folder, backend="pil")
    pipeline = transformers.pipeline("image-classification", model=str(folder), image_processor=processor, device="cpu")
    noise = np.random.default_rng(0).integers(0, 256, (40, 30, 3), dtype=np.uint8)
    photo = Image.fromarray(noise).resize((333, 257))
    theirs = sorted(one["score"] for one in pipeline(photo, function_to_apply="none", top_k=9))
    seen = torch.from_numpy(classifier.preprocessing.preprocess_image(photo)).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        logits = classifier.logits_from_inputs(seen)
        features = classifier.embed_inputs(seen)
    np.testing.assert_allclose(sorted(logits[0].tolist()), theirs, atol=1e-4)
    head = [module for module in classifier.network.modules() if isinstance(module, nn.Linear)][-1]
    torch.testing.assert_close(head(features), logits)
    assert len(classifier.layers) > 5
    pixels = torch.rand(1, 3, 70, 90, requires_grad=True)
    classifier.network.train()
    classifier.logits(pixels).sum().backward()
    assert pixels.grad.abs().sum() > 0
    assert classifier.network.training


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model_type": "timm_wrapper"}, "no image classifier"),
        ({"model_type": ["vit"]}, "no image classifier"),
        ({"architectures": ["ViTModel"]}, "holds 'ViTModel', which does not classify"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers' is 1000000000"),
        ({"num_hidden_layers": 3}, "do not fit ViTForImageClassification: missing keys"),
        ({"num_hidden_layers": "many"}, "transformers cannot load it"),
        ({"image_size": 20000}, "image_size' is 20000"),
        ({"hidden_size": 24}, "do not fit ViTForImageClassification|cannot load it"),
        ({"hidden_size": float("nan")}, "hidden_size' is nan"),
        ({"quantization_config": {"quant_method": "x"}}, "has a quantization_config"),
        ({"id2label": {"0": "a", "7": "b", "2": "c"}}, "does not number its classes"),
        ({"more": functools.reduce(lambda inner, _: [inner], range(400), 0)}, "nested deeply"),
        ({"id2label": {"0": 1, "1": 2, "2": 3}}, "not a list of texts|cannot load it"),
    ],
)
def test_hostile_configurations_of_transformers(tmp_path, change, message: str) -> None:
    pytest.importorskip("transformers")
    config = transformers_folder(tmp_path, vit) / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ModelError, match=message) as refused:
        resolve(str(tmp_path))
    assert str(refused.value).startswith(str(tmp_path))
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": {"shortest_edge": 32}}, "no fixed size"),
        ({"resample": 0}, "a filter that is not known"),
        ({"do_resize": False}, "no fixed size"),
        ({"image_std": [0.0, 1.0, 1.0]}, "`std` is 0"),
        ({"size": {"height": 20000, "width": 20000}}, "`size` is 20000"),
        ({"image_processor_type": "EfficientNetImageProcessor", "rescale_offset": True}, "more than to resize, crop"),
        ({"image_processor_type": "nothing"}, "cannot be followed"),
    ],
)
def test_processors_that_cannot_be_followed(tmp_path, change, message: str) -> None:
    pytest.importorskip("transformers")
    config = transformers_folder(tmp_path, vit) / "preprocessor_config.json"
    config.write_text(json.dumps(json.loads(config.read_text(encoding="utf-8")) | change), encoding="utf-8")
    with pytest.raises(ModelError, match=f"its preprocessor_config.json cannot be followed: .*{message}|{message}"):
        resolve(str(tmp_path))


@pytest.mark.parametrize("name", ["mnasnet0_5", "regnet_y_400mf"])
def test_a_file_of_a_network_that_is_particular(tmp_path: Path, name: str) -> None:
    """MNASNet asks for the version of a state, which no file of tensors holds; RegNet computes as it is made."""
    network = getattr(torchvision.models, name)(num_classes=7).eval()
    save_file(network.state_dict(), tmp_path / "weights.safetensors")
    file = tmp_path / "weights.safetensors"
    classifier = snellen.load(file, architecture=f"torchvision:{name}", labels="numbered", **SAID)
    inputs = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(classifier.network(inputs), network(inputs), rtol=1e-3, atol=1e-6)
