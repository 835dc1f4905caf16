"""The layers whose maps can be read, and what one value can depend on."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

import snellen._torchvision  # noqa: F401  # before timm
from snellen.errors import InputError
from snellen.models.layers import find_layer, find_layers, hooked
from toys import classifier_of

import timm  # isort: skip


def depends_on(network: nn.Module, size: int, row: int, column: int, output=None) -> tuple[int, int, int, int]:
    """(left, top, right, bottom) of the input pixels with any gradient: an oracle that knows no operation."""
    image = torch.rand(1, 3, size, size, requires_grad=True)
    produced = network(image) if output is None else output(network, image)
    produced[..., row, column].sum().backward()
    rows, columns = np.nonzero(image.grad[0].abs().sum(0).numpy())
    return columns.min(), rows.min(), columns.max() + 1, rows.max() + 1


def positive(network: nn.Module) -> nn.Module:
    """Weights of one sign, so that no gradient cancels or dies."""
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.copy_(parameter.abs() + 0.1)
    return network.eval()


windows = st.tuples(
    st.sampled_from(["conv", "max", "average"]), st.integers(1, 5), st.integers(1, 3), st.integers(1, 2)
)


@settings(max_examples=40)
@given(st.lists(windows, min_size=1, max_size=4), st.booleans(), st.data())
def test_boxes_are_what_the_gradient_reaches(chain: list, ceil: bool, data: st.DataObject) -> None:
    layers: list[nn.Module] = []
    for kind, kernel, stride, dilation in chain:
        padding = data.draw(st.integers(0, kernel // 2))
        if kind == "conv":
            layers.append(nn.Conv2d(3, 3, kernel, stride, padding, dilation))
        else:
            layers.append(nn.AvgPool2d(kernel, stride, padding, ceil_mode=ceil))
    network = positive(nn.Sequential(*layers))
    size = 33
    try:
        with torch.no_grad():
            shape = network(torch.zeros(1, 3, size, size)).shape
    except RuntimeError:
        return  # the chain does not fit the image
    if min(shape[2:]) < 2:
        return
    layer = find_layers(network, torch.zeros(1, 3, size, size))[-1]
    row, column = data.draw(st.integers(0, shape[2] - 1)), data.draw(st.integers(0, shape[3] - 1))
    if layer.rows[row] != (0, -1) and layer.columns[column] != (0, -1):
        assert layer.box(row, column) == depends_on(network, size, row, column)


def test_receptive_fields_of_vgg_by_hand() -> None:
    network = timm.create_model("vgg11", pretrained=False).eval()
    layers = [p for p in find_layers(network, torch.zeros(1, 3, 160, 160)) if p.name.startswith("features")]
    # Each 3 x 3 convolution adds two of its input's steps, each 2 x 2 pooling one; steps double at each pooling.
    by_hand, field, step = {}, 1, 1
    for module in network.features:
        if isinstance(module, nn.Conv2d):
            field += 2 * step
        elif isinstance(module, nn.MaxPool2d):
            field, step = field + step, 2 * step
        by_hand[len(by_hand)] = field
    measured = {int(p.name.split(".")[1]): p.receptive_field for p in layers}
    assert measured == {number: (by_hand[number],) * 2 for number in measured}
    assert len(measured) >= 15


class Branches(nn.Module):
    """3 x 3 beside 5 x 5, concatenated; a residual; then squeeze-and-excitation."""

    def __init__(self) -> None:
        super().__init__()
        self.narrow = nn.Conv2d(3, 2, 3, padding=1)
        self.wide = nn.Conv2d(3, 2, 5, padding=2)
        self.joined = nn.ReLU()
        self.further = nn.Conv2d(4, 4, 3, padding=1)
        self.summed = nn.ReLU()
        self.gate = nn.Conv2d(4, 4, 1)
        self.gated = nn.ReLU()

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.joined(torch.cat([self.narrow(inputs), self.wide(inputs)], dim=1))
        x = self.summed(x + self.further(x))
        return self.gated(x * self.gate(x.mean((2, 3), keepdim=True)).sigmoid())


def test_branches_unite_and_a_global_pooling_sees_everything() -> None:
    layers = {layer.name: layer for layer in find_layers(Branches(), torch.zeros(1, 3, 16, 16))}
    fields = {name: layer.receptive_field for name, layer in layers.items()}
    assert fields == {
        "narrow": (3, 3), "wide": (5, 5), "joined": (5, 5), "further": (7, 7), "summed": (7, 7), "gated": (16, 16),
    }  # fmt: skip
    assert layers["summed"].box(0, 15) == (12, 0, 16, 4)
    assert [layers[name].activated for name in ("narrow", "joined", "gated")] == [False, True, True]
    assert layers["joined"].depth == pytest.approx(2 / 4)


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("swin_tiny_patch4_window7_224", "layers.0.blocks.0.mlp.act"),
        ("swin_tiny_patch4_window7_224", "layers.0.blocks.1.mlp.act"),
        ("test_convnext", "stages.0.blocks.0.mlp.act"),
        ("test_mambaout", "stages.1.blocks.0.act"),
        ("hrnet_w18_small", "stage2.0.fuse_act"),
        ("dla46x_c", "level3.tree2.tree1.relu#2"),
        ("res2net50_14w_8s", "layer1.0.relu#3"),
    ],
)
def test_real_networks_never_see_past_the_box(name: str, layer: str) -> None:
    """The gradient with random weights lies in the box, and reaches its edges where nothing saturates."""
    torch.manual_seed(0)
    size = 112 if "swin" in name else 64
    options = {"img_size": size} if "swin" in name else {}
    network = timm.create_model(name, pretrained=False, **options).eval()
    found = find_layer(find_layers(network, torch.zeros(1, 3, size, size)), layer)
    row, column = found.shape.height // 2, found.shape.width // 2
    kept: list[Tensor] = []

    def read(network: nn.Module, image: Tensor) -> Tensor:
        with hooked(network, {found: lambda output: kept.append(output.clone())}):
            network(image)
        return found.shape.map_of(kept[0])

    left, top, right, bottom = depends_on(network, size, row, column, read)
    box = found.box(row, column)
    assert box[0] <= left < right <= box[2]
    assert box[1] <= top < bottom <= box[3]
    assert (right - left) * (bottom - top) > 0.6 * (box[2] - box[0]) * (box[3] - box[1])


class Reused(nn.Module):
    """One in-place activation called twice, identities, and a block that hands its last output on."""

    def __init__(self) -> None:
        super().__init__()
        self.block = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.Dropout(), nn.Identity())
        self.relu = nn.ReLU(inplace=True)
        self.second = nn.Conv2d(4, 4, 3, padding=1)
        self.head = nn.Linear(4, 2)

    def forward(self, inputs: Tensor) -> Tensor:
        x = self.relu(self.block(inputs))
        x = self.relu(self.second(x) - 1)
        return self.head(x.mean((2, 3)))


def test_calls_are_numbered_and_what_changes_nothing_is_not_listed() -> None:
    layers = find_layers(Reused().eval(), torch.zeros(1, 3, 8, 8))
    assert [layer.name for layer in layers] == ["block.0", "relu", "second", "relu#2"]
    assert layers[0].aliases == ("block",)
    assert find_layer(layers, "block") is layers[0]
    assert [layer.depth for layer in layers] == pytest.approx([1 / 3, 1 / 3, 2 / 3, 2 / 3])


def test_each_call_is_read_by_its_own_name() -> None:
    network = Reused().eval()
    layers = {layer.name: layer for layer in find_layers(network, torch.zeros(1, 3, 8, 8))}
    image, kept = torch.rand(1, 3, 8, 8), {}
    keep = {layers[name]: lambda output, name=name: kept.__setitem__(name, output.clone()) for name in layers}
    with torch.no_grad(), hooked(network, keep):
        network(image)
        first = functional.relu(network.block(image))
    assert torch.equal(kept["relu"], first)
    assert torch.equal(kept["relu#2"], functional.relu(kept["second"] - 1))


def test_a_wrong_name_offers_the_nearest() -> None:
    layers = find_layers(Reused().eval(), torch.zeros(1, 3, 8, 8))
    with pytest.raises(InputError, match="no layer named 'reluu'.*did you mean relu"):
        find_layer(layers, "reluu")


def test_tokens_are_a_view_of_the_output() -> None:
    network = timm.create_model("test_vit", pretrained=False).eval()
    layer = next(p for p in find_layers(network, torch.zeros(1, 3, 160, 160)) if p.name == "blocks.0.mlp.act")
    assert (layer.shape.layout, layer.shape.prefix, layer.shape.height) == ("tokens", 1, 10)
    output = torch.arange(2 * 101 * 192.0).reshape(2, 101, 192)
    maps = layer.shape.map_of(output)
    assert maps.shape == (2, 192, 10, 10)
    assert maps[1, 5, 3, 7] == output[1, 1 + 37, 5]
    maps[0, 0] = -1
    assert (output[0, 1:, 0] == -1).all()
    assert output[0, 0, 0] == 0


def test_hooks_and_mode_are_as_found() -> None:
    network = Reused().train()
    classifier = classifier_of(Reused(), 8, 2)
    classifier.network = network.train()
    assert len(classifier.layers) == 4
    assert network.training
    assert all(module.training and not module._forward_hooks for module in network.modules())
    layer = classifier.layers[0]
    with pytest.raises(RuntimeError, match="on purpose"), hooked(network, {layer: lambda _: None}):
        raise RuntimeError("on purpose")
    assert not any(module._forward_hooks for module in network.modules())


def test_layers_are_found_inside_inference_mode() -> None:
    with torch.inference_mode():
        assert len(classifier_of(Reused(), 8, 2).layers) == 4


@pytest.mark.parametrize(("size", "classes", "grid"), [((32, 32), 0, (4, 4)), ((32, 64), 1, (4, 8))])
def test_tokens_of_a_network_that_shows_no_map(size: tuple[int, int], classes: int, grid: tuple[int, int]) -> None:
    """Patches cut out and laid in a row, as TNT does: they are as many as a map of the input's proportions has."""

    class Patches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.unfold, self.project = nn.Unfold(8, stride=8), nn.Linear(192, 6)

        def forward(self, inputs: torch.Tensor) -> torch.Tensor:
            tokens = self.project(self.unfold(inputs).transpose(1, 2))
            return torch.cat([tokens[:, :classes] * 0, tokens], dim=1)

    (layer, *_) = find_layers(nn.Sequential(Patches(), nn.LayerNorm(6)), torch.zeros(1, 3, *size))[::-1]
    assert (layer.shape.layout, layer.shape.channels, layer.shape.prefix) == ("tokens", 6, classes)
    assert (layer.shape.height, layer.shape.width) == grid
