"""Flip-equivariant layers: the same as ordinary layers of materialised filters, and exact under a flip."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from snellen.data.labels import Labels
from snellen.data.preprocessing import Preprocessing
from snellen.errors import InputError, ModelError
from snellen.models.classifier import Classifier
from snellen.models.create import create
from snellen.models.flip_equivariant import (
    FlipEquivariantBatchNorm2d,
    FlipEquivariantConv2d,
    PairedMaxPool2d,
    materialise,
)
from snellen.models.networks import first_filters
from snellen.training.initialise import flip_equivariant_whitening_filters, initialise

EVEN = st.integers(1, 4).map(lambda half: 2 * half)


def flipped(maps: Tensor) -> Tensor:
    """What a flipped image must give where the image gives ``maps``: flipped, the two of each pair swapped."""
    return maps.flip(-1).roll(maps.shape[1] // 2, dims=1)


def close(one: Tensor, other: Tensor) -> None:
    torch.testing.assert_close(one, other, rtol=1e-9, atol=1e-9)


def test_filters_by_hand() -> None:
    convolution = FlipEquivariantConv2d(2, 2, 3, bias=False)
    with torch.no_grad():
        convolution.weight.copy_(torch.arange(18.0).reshape(1, 2, 3, 3))
    one, other = convolution.filters().tolist()
    assert one == [[[0, 1, 2], [3, 4, 5], [6, 7, 8]], [[9, 10, 11], [12, 13, 14], [15, 16, 17]]]
    assert other == [[[11, 10, 9], [14, 13, 12], [17, 16, 15]], [[2, 1, 0], [5, 4, 3], [8, 7, 6]]]


def test_filters_of_an_image_keep_its_colours_apart() -> None:
    convolution = FlipEquivariantConv2d(3, 4, 2, bias=True)
    filters = convolution.filters()
    assert tuple(filters.shape) == (4, 3, 2, 2)
    assert torch.equal(filters[2:], convolution.weight.flip(-1))
    assert torch.equal(first_filters(nn.Sequential(convolution)), filters)


@settings(max_examples=40)
@given(st.sampled_from([3, 2, 4, 6]), EVEN, st.integers(1, 5), st.integers(5, 12), st.booleans(), st.integers(0, 2**32))
def test_convolutions_are_flip_equivariant(inputs, outputs, side, width, bias, seed) -> None:
    torch.manual_seed(seed)
    convolution = FlipEquivariantConv2d(inputs, outputs, side, bias=bias).double()
    maps = torch.randn(2, inputs, 7, width, dtype=torch.double)
    flipped_maps = maps.flip(-1) if inputs == 3 else flipped(maps)
    answers = convolution(maps)
    assert answers.shape == (2, outputs, *(size + side % 2 - 1 for size in (7, width)))
    close(convolution(flipped_maps), flipped(answers))


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_norms_are_those_of_both_channels_together(layout: torch.memory_format) -> None:
    torch.manual_seed(0)
    norm, plain = FlipEquivariantBatchNorm2d(6).double(), nn.BatchNorm2d(3, momentum=0.4).double()
    maps = torch.randn(4, 6, 5, 7, dtype=torch.double).contiguous(memory_format=layout)
    for training in (True, False):  # in training first, so that there are averages to use
        norm.train(training)
        plain.train(training)
        side_by_side = plain(torch.cat(maps.chunk(2, dim=1), dim=-1))
        normalised = norm(maps)
        close(normalised, torch.cat(side_by_side.chunk(2, dim=-1), dim=1))
        assert normalised.is_contiguous(memory_format=torch.channels_last)
    close(norm(flipped(maps)), flipped(normalised))
    assert not norm.weight.requires_grad


def test_norms_copy_nothing_where_channels_are_last() -> None:
    norm = FlipEquivariantBatchNorm2d(6)
    maps = torch.randn(2, 6, 4, 4).contiguous(memory_format=torch.channels_last)
    with torch.profiler.profile() as profile:
        norm(maps)
    assert "aten::copy_" not in {event.key for event in profile.key_averages()}


def test_the_head_by_hand() -> None:
    maps = torch.tensor([[[[1.0, 5.0]], [[0.0, -2.0]], [[7.0, 3.0]], [[-1.0, -4.0]]]])
    assert PairedMaxPool2d()(maps).tolist() == [[12.0, -1.0]]


@pytest.mark.parametrize("size", [16, 24, 32])
@pytest.mark.parametrize("training", [True, False])
def test_deep_is_flip_invariant(size: int, training: bool) -> None:
    torch.manual_seed(0)
    network = create("deep", 10, {"members": 2}).double().train(training)
    initialise(network, "whitened", torch.randn(20, 3, 32, 32, dtype=torch.double))
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.add_(torch.randn_like(parameter), alpha=0.1)  # as after some training
    images = torch.randn(4, 3, size, size, dtype=torch.double)
    answers = network(images)
    close(network(images.flip(-1)), answers)
    assert (network(images.flip(-2)) - answers).abs().max() > 1e-3  # upside down is something else


def test_an_image_alone_may_be_flipped_in_training() -> None:
    torch.manual_seed(0)
    network = create("deep", 10, {"widths": [8, 8, 8]}).double().train()
    images = torch.randn(4, 3, 32, 32, dtype=torch.double)
    mixed = torch.cat((images[:2], images[2:].flip(-1)))
    close(network(mixed), network(images))


def test_materialised_it_is_the_same_network() -> None:
    torch.manual_seed(0)
    network = create("deep", 10, {"widths": [8, 16, 16]}).double()
    network(torch.randn(20, 3, 32, 32, dtype=torch.double))  # for averages that are not the first ones
    images = torch.randn(4, 3, 32, 32, dtype=torch.double)
    answers = network.eval()(images)
    materialise(network)
    assert {type(module).__name__ for module in network.modules() if hasattr(module, "weight")} == {
        "Conv2d",
        "BatchNorm2d",
        "Linear",
    }
    close(network(images), answers)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"widths": [65, 256, 256]}, r"deep: cannot be made: deep: widths \[65, 256, 256\], .*three even widths"),
        ({"widths": ["64", 256, 256]}, "deep: cannot be made: "),
        ({"widths": [0, 256, 256]}, "deep: cannot be made: "),
    ],
)
def test_deep_asks_for_pairs(options, message) -> None:
    with pytest.raises(ModelError, match=message):
        create("deep", 10, options)


def test_deep_asks_for_even_first_filters() -> None:
    with pytest.raises(InputError, match=r"deep: first filters of 3 x 3 \(an even side, so that the maps' widths"):
        create("deep", 10, {"first": 3})
    with pytest.raises(InputError, match=r"whitened: flip-equivariant filters of 3 x 3 \(an even side\)"):
        flip_equivariant_whitening_filters(torch.randn(2, 3, 8, 8), 3)


def test_layers_have_the_receptive_fields_of_ordinary_ones() -> None:
    equivariant, ordinary = (create("deep", 10, {"widths": [8, 8, 8]}) for _ in range(2))
    materialise(ordinary)
    shape, labels = Preprocessing((32, 32), 1.0, "bicubic", (0.0,) * 3, (1.0,) * 3), Labels(tuple("abcdefghij"))
    found = [Classifier(network, shape, labels, name="deep").layers for network in (equivariant, ordinary)]
    one, other = ([(layer.name, layer.rows, layer.columns) for layer in layers] for layers in found)
    assert one == other


@pytest.mark.parametrize("side", [2, 4])
def test_pairs_of_whitening_filters_decorrelate(side: int) -> None:
    torch.manual_seed(0)
    images = torch.randn(60, 1, 12, 12) * 2 + 0.5 * torch.randn(60, 3, 12, 12)
    images = torch.cat((images, images.flip(-1)))
    half = flip_equivariant_whitening_filters(images, side)
    count = 3 * side**2
    assert tuple(half.shape) == (count, 3, side, side)
    assert torch.equal(half[count // 2 :], -half[: count // 2])
    first = half[: count // 2]
    answers = functional.conv2d(images, torch.cat((first, first.flip(-1)))).transpose(0, 1).reshape(count, -1)
    covariance = torch.cov(answers.double(), correction=0)
    torch.testing.assert_close(covariance, torch.eye(count, dtype=torch.double), rtol=0, atol=2e-2)
