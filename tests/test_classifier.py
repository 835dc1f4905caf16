"""The classifier leaves its network as found, gives exact gradients and refuses what is not pixels."""

import dataclasses
import math
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

import snellen
from snellen.data.images import to_image
from snellen.data.labels import Labels, numbered_labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError
from snellen.models.classifier import Classifier, choose_device, penultimate
from snellen.models.frozen import frozen

PLAIN = Preprocessing((4, 4), 1.0, "bilinear", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Toy(nn.Module):
    """Mean of each channel, batch normalisation, ReLU, a linear layer: every value can be done by hand."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm1d(3)
        self.head = nn.Linear(3, 2)
        with torch.no_grad():
            self.head.weight.copy_(torch.tensor([[1.0, 2.0, 3.0], [0.0, -1.0, 0.0]]))
            self.head.bias.copy_(torch.tensor([0.5, 0.0]))

    def forward(self, x):
        return self.head(torch.relu(self.norm(x.mean(dim=(2, 3)))))


def toy() -> Classifier:
    return Classifier(Toy(), PLAIN, numbered_labels(2), name="toy", device="cpu")


def pixels_of(red: float, green: float, blue: float, size: int = 4):
    return torch.tensor([red, green, blue]).view(1, 3, 1, 1).expand(1, 3, size, size).clone()


def test_logits_by_hand() -> None:
    logits = toy().logits(pixels_of(51 / 255, 102 / 255, 153 / 255))
    scale = 1 / math.sqrt(1 + 1e-5)
    expected = torch.tensor([[0.5 + scale * (0.2 + 0.8 + 1.8), -0.4 * scale]])
    torch.testing.assert_close(logits, expected)


def test_embed_is_what_the_last_linear_layer_receives() -> None:
    scale = 1 / math.sqrt(1 + 1e-5)
    features = toy().embed(pixels_of(51 / 255, 102 / 255, 153 / 255))
    torch.testing.assert_close(features, scale * torch.tensor([[0.2, 0.4, 0.6]]))


def test_gradient_reaches_the_pixels_by_hand() -> None:
    pixels = pixels_of(0.2, 0.4, 0.6).requires_grad_()
    toy().logits(pixels)[0, 0].backward()
    scale = 1 / math.sqrt(1 + 1e-5)
    expected = pixels_of(1.0, 2.0, 3.0) * scale / 16
    torch.testing.assert_close(pixels.grad, expected)


@pytest.mark.parametrize("given", ["tf_efficientnet_lite0", Toy(), None])
def test_what_is_no_classifier_is_refused_in_one_line(given, tmp_path) -> None:
    photo = torch.zeros(1, 3, 8, 8)
    for use in (
        lambda: snellen.classify(given, photo),
        lambda: snellen.heatmap(given, photo),
        lambda: snellen.feature_maps(given, photo),
        lambda: snellen.attack(given, photo, 0),
        lambda: snellen.stress(given, photo),
        lambda: snellen.evaluate(given, "digits"),
        lambda: snellen.probe(given, "digits"),
        lambda: snellen.embed_dataset(given, "digits", tmp_path / "a.parquet"),
        lambda: snellen.robust_accuracy(given, []),
    ):
        with pytest.raises(InputError, match=rf"got {type(given).__name__} for a classifier .*`snellen\.load`"):
            use()


def test_a_classifier_is_made_of_a_network_a_preprocessing_and_names() -> None:
    assert Classifier(Toy(), PLAIN, ["cat", "dog"], name="toy", device="cpu").labels == Labels(("cat", "dog"))
    with pytest.raises(ModelError, match=r"network: got str"):
        Classifier("resnet18", PLAIN, ["cat", "dog"], name="toy")
    with pytest.raises(ModelError, match=r"preprocessing: got function \(a snellen.Preprocessing"):
        Classifier(Toy(), lambda image: image, ["cat", "dog"], name="toy")
    with pytest.raises(InputError, match=r"labels: its labels are not a list of texts"):
        Classifier(Toy(), PLAIN, {0: "cat"}, name="toy")


class Fixed(nn.Module):
    """Gives the same outputs for every photograph."""

    def __init__(self, *values: float) -> None:
        super().__init__()
        self.values = torch.tensor([values])

    def forward(self, x):
        return self.values.expand(len(x), -1)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ((0.25, 0.75), r"the network gave probabilities, which sum to 1 \(logits: take the softmax off"),
        ((math.nan, 0.0), "the network gave NaN or infinite logits"),
        ((math.inf, 0.0), "the network gave NaN or infinite logits"),
    ],
)
def test_what_is_no_logits_has_no_probabilities(values, message: str, tmp_path) -> None:
    classifier = Classifier(Fixed(*values), PLAIN, ["cat", "dog"], name="fixed", device="cpu")
    for name in classifier.labels:
        (tmp_path / name).mkdir()
        to_image(torch.zeros(1, 3, 8, 8)).save(tmp_path / name / "a.png")
    for use in (
        lambda: snellen.classify(classifier, torch.zeros(1, 3, 8, 8)),
        lambda: snellen.attack(classifier, torch.zeros(1, 3, 8, 8), 0),
        lambda: snellen.evaluate(classifier, tmp_path),
    ):
        with pytest.raises(ModelError, match=message):
            use()


def test_logits_may_leave_classes_out() -> None:
    for values, expected in (((-math.inf, 0.0), [1.0, 0.0]), ((-0.5, 1.5), [0.8808, 0.1192])):
        names = [f"class {index}" for index in range(len(values))]
        classifier = Classifier(Fixed(*values), PLAIN, names, name="fixed", device="cpu")
        found = snellen.classify(classifier, torch.zeros(1, 3, 8, 8)).predictions
        assert [round(each.probability, 4) for each in found] == expected


def test_an_attack_within_inference_mode(tmp_path: Path) -> None:
    with torch.inference_mode():
        with pytest.raises(InputError, match=r"within torch.inference_mode, .*a call outside of it"):
            snellen.attack(toy(), torch.zeros(1, 3, 8, 8), 1)
        Image.new("RGB", (8, 8)).save(tmp_path / "black.png")
        with pytest.raises(InputError, match=r"within torch.inference_mode, .*a call outside of it"):
            snellen.attack_folder(toy(), [tmp_path / "black.png"], snellen.AttackConfig(1), tmp_path / "out")
        assert snellen.classify(toy(), torch.zeros(1, 3, 8, 8)).top.label == "class 0"


@pytest.mark.filterwarnings("ignore:.*torch.jit")
def test_torchscript_is_refused() -> None:
    with pytest.raises(ModelError, match="got TorchScript"):
        Classifier(torch.jit.trace(Toy().eval(), torch.zeros(1, 3, 4, 4)), PLAIN, ["cat", "dog"], name="toy")


def test_embed_of_a_real_network_feeds_its_classifier(lite0) -> None:
    pixels = torch.rand(2, 3, 200, 260, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        again = lite0.network.get_classifier()(lite0.embed(pixels))
        torch.testing.assert_close(again, lite0.logits(pixels), atol=1e-4, rtol=1e-4)


def test_gradient_reaches_the_photographs_own_pixels(lite0) -> None:
    pixels = torch.rand(1, 3, 300, 400, requires_grad=True)
    lite0.logits(pixels)[0, 812].backward()
    assert pixels.grad.shape == pixels.shape
    assert pixels.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in lite0.network.parameters())


def state_of(network: nn.Module):
    return (
        [module.training for module in network.modules()],
        [parameter.requires_grad for parameter in network.parameters()],
        [list(module._forward_hooks) + list(module._forward_pre_hooks) for module in network.modules()],
        [list(module._forward_hooks_with_kwargs) for module in network.modules()],
        [list(module._forward_hooks_always_called) for module in network.modules()],
    )


@pytest.mark.parametrize("fail", [False, True])
def test_the_network_is_left_as_found(fail: bool) -> None:
    network = Toy()
    network.train()
    network.norm.eval()
    network.head.bias.requires_grad_(False)
    kept = network.head.register_forward_hook(lambda *_, **__: None, with_kwargs=True)
    before = state_of(network)
    statistics = network.norm.running_mean.clone()

    def disturb() -> None:
        with frozen(network) as calm:
            assert not any(module.training for module in calm.modules())
            assert not any(parameter.requires_grad for parameter in calm.parameters())
            calm.norm.register_forward_hook(lambda *_, **__: None, with_kwargs=True, always_call=True)
            kept.remove()
            calm.train()
            if fail:
                raise RuntimeError("on purpose")

    if fail:
        with pytest.raises(RuntimeError, match="on purpose"):
            disturb()
    else:
        disturb()
    assert state_of(network) == before
    assert torch.equal(network.norm.running_mean, statistics)


@pytest.mark.parametrize("method", ["logits", "embed"])
def test_calls_leave_a_training_network_training(method: str) -> None:
    classifier = toy()
    classifier.network.train()
    before = state_of(classifier.network)
    getattr(classifier, method)(pixels_of(0.1, 0.2, 0.3))
    assert state_of(classifier.network) == before
    with pytest.raises(InputError):
        getattr(classifier, method)(pixels_of(0.1, 0.2, 3.0))
    assert state_of(classifier.network) == before


def test_batches_of_a_training_network_do_not_see_each_other() -> None:
    """In training mode batch normalisation would make a photograph's logits depend on its neighbours."""
    classifier = toy()
    classifier.network.train()
    one, two = pixels_of(0.1, 0.2, 0.3), pixels_of(0.9, 0.8, 0.7)
    together = classifier.logits(torch.cat([one, two]))
    torch.testing.assert_close(together[:1], classifier.logits(one))


@pytest.mark.parametrize("method", ["logits", "embed"])
def test_threads_share_a_training_network(method: str) -> None:
    classifier = toy()
    classifier.network.train()
    before = state_of(classifier.network)
    shades = [pixels_of(0.01 * number, 0.5, 0.9) for number in range(50)]
    expected = [getattr(classifier, method)(shade) for shade in shades]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(getattr(classifier, method), shades))
    torch.testing.assert_close(answers, expected)
    assert state_of(classifier.network) == before


@pytest.mark.parametrize("wrong", [torch.full((1, 3, 4, 4), -2.0), torch.full((1, 3, 4, 4), math.nan)])
def test_inputs_are_checked(wrong) -> None:
    with pytest.raises(InputError, match="inputs: got"):
        toy().logits_from_inputs(wrong)
    with pytest.raises(InputError, match="inputs: got 5 x 4 .*4 x 4, as resized and cropped"):
        toy().embed_inputs(torch.zeros(1, 3, 5, 4))


def test_wrong_logits_are_named() -> None:
    classifier = Classifier(Toy(), PLAIN, numbered_labels(5), name="toy", device="cpu")
    with pytest.raises(ModelError, match=r"toy: gave \(1, 2\) \(logits of shape \(N, 5\)\)"):
        classifier.logits(pixels_of(0.0, 0.0, 0.0))


def test_no_linear_layer() -> None:
    with pytest.raises(ModelError, match="no linear layer"):
        penultimate(nn.AvgPool2d(4), torch.zeros(1, 3, 4, 4))


def test_devices() -> None:
    assert choose_device("cpu").type == "cpu"
    assert choose_device().type in {"cpu", "cuda", "mps"}
    for wrong in ("abacus", "cpu:x", ""):
        with pytest.raises(InputError, match="no device"):
            choose_device(wrong)


def test_repr(lite0) -> None:
    assert repr(lite0) == "Classifier('tf_efficientnet_lite0', 1000 classes, on cpu)"
    assert isinstance(lite0, snellen.Classifier)


def test_weights_in_memory_have_a_digest_and_a_cache_key_of_their_own() -> None:
    one, other = toy(), toy()
    assert one.digest == other.digest != ""
    assert one.cache_key() == other.cache_key()
    with torch.no_grad():
        other.network.head.bias[0] += 1
    assert one.digest != other.digest
    assert one.cache_key() != other.cache_key()


@pytest.mark.parametrize(
    "change", [{"interpolation": "bicubic"}, {"mean": (0.1, 0.0, 0.0)}, {"size": (5, 5)}, {"crop_fraction": 0.9}]
)
def test_the_cache_key_holds_the_preprocessing(change: dict) -> None:
    one = toy()
    assert one.with_preprocessing(dataclasses.replace(PLAIN, **change)).cache_key() != one.cache_key()


def test_the_cache_key_holds_the_labels_and_weights_that_changed_after_loading() -> None:
    named = Classifier(Toy(), PLAIN, Labels(("cat", "dog")), name="toy", device="cpu")
    assert named.cache_key() != toy().cache_key()
    filed = Classifier(Toy(), PLAIN, numbered_labels(2), name="toy", digest="ab" * 32, device="cpu")
    assert filed.digest == "ab" * 32
    before = filed.cache_key()
    with torch.no_grad():
        filed.network.head.bias += 1
    assert filed.cache_key() != before
    assert filed.digest not in ("ab" * 32, toy().digest)


def test_normalisation_constants_are_put_on_the_device_once() -> None:
    with torch.inference_mode():
        first = PLAIN.normalise(torch.zeros(1, 3, 4, 4))
    made: list[object] = []

    class Counted(TorchDispatchMode):
        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            made.append(func.overloadpacket)
            return func(*args, **(kwargs or {}))

    with Counted():
        again = PLAIN.normalise(torch.zeros(1, 3, 4, 4))
    assert set(made) <= {torch.ops.aten.zeros, torch.ops.aten.sub, torch.ops.aten.div}
    torch.testing.assert_close(first, again)
    # Made under inference mode, they are constants like any others to a gradient.
    pixels = torch.zeros(1, 3, 4, 4, requires_grad=True)
    PLAIN.normalise(pixels).sum().backward()
    assert (pixels.grad == 1).all()


def test_the_callers_network_is_used_itself_and_left_as_found() -> None:
    network = Toy().train()
    network.head.bias.requires_grad_(False)
    classifier = Classifier(network, PLAIN, numbered_labels(2), name="toy", device="cpu")
    classifier.logits(pixels_of(0.1, 0.2, 0.3))
    assert classifier.network is network
    assert network.training
    assert [parameter.requires_grad for parameter in network.parameters()] == [True, True, True, False]
