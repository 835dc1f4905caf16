"""Winograd's convolution against PyTorch's, exactly where sums are exact, and within its rounding elsewhere."""

from collections.abc import Callable

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional

from snellen.models import winograd
from snellen.models.winograd import WinogradConvolutions, convolve

LAST = torch.channels_last


def drawn(*shape: int, seed: int = 0) -> Tensor:
    """Standard normal values, whose gradient is asked for."""
    values = torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)
    return values.requires_grad_()


def gradients(function: Callable[[Tensor, Tensor], Tensor], images: Tensor, filters: Tensor) -> tuple[Tensor, ...]:
    """The outputs of ``function``, and the gradients of a weighted sum of them in both arguments."""
    outputs = function(images, filters)
    weights = torch.arange(outputs.numel(), dtype=outputs.dtype).reshape(outputs.shape).sin()
    return outputs, *torch.autograd.grad((outputs * weights).sum(), (images, filters))


@settings(max_examples=40)
@given(
    st.integers(1, 5), st.integers(1, 4), st.integers(1, 4), st.integers(1, 11), st.integers(1, 11), st.integers(1, 2)
)
def test_equals_a_convolution_in_double_precision_in_value_and_in_both_gradients(
    count: int, channels: int, outputs: int, height: int, width: int, padding: int
) -> None:
    images, filters = drawn(count, channels, height, width), drawn(outputs, channels, 3, 3, seed=1)
    exact = gradients(lambda x, w: functional.conv2d(x, w, padding=padding), images, filters)
    single = [one.detach().float().requires_grad_() for one in (images, filters)]
    ours = gradients(lambda x, w: convolve(x, w, padding), *single)
    for mine, theirs in zip(ours, exact, strict=True):
        assert mine.shape == theirs.shape
        torch.testing.assert_close(
            mine.double(), theirs, rtol=0, atol=3e-5 * max(1.0, float(theirs.detach().abs().max()))
        )


def test_an_image_at_a_time_gives_what_all_at_once_give(monkeypatch: pytest.MonkeyPatch) -> None:
    images, filters = drawn(7, 8, 9, 10).detach().float(), drawn(5, 8, 3, 3).detach().float()
    whole = convolve(images, filters)
    monkeypatch.setattr(winograd, "_TILES_AT_A_TIME", 1)
    torch.testing.assert_close(convolve(images, filters), whole, rtol=0, atol=2e-4)


def test_outputs_lie_channels_last_as_a_convolution_of_such_images_leaves_them() -> None:
    images = drawn(2, 64, 8, 8).detach().float().contiguous(memory_format=LAST)
    assert convolve(images, drawn(64, 64, 3, 3).detach().float()).is_contiguous(memory_format=LAST)


def test_a_gradient_of_a_gradient_is_refused_by_none_and_agrees() -> None:
    images, filters = (drawn(1, 2, 5, 5).detach().float().requires_grad_(), drawn(2, 2, 3, 3).detach().float())
    filters.requires_grad_()

    def penalty(function: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
        (first,) = torch.autograd.grad(function(images, filters).pow(2).sum(), images, create_graph=True)
        return torch.autograd.grad(first.pow(2).sum(), filters)[0]

    theirs = penalty(lambda x, w: functional.conv2d(x, w, padding=1))
    torch.testing.assert_close(penalty(convolve), theirs, rtol=1e-3, atol=1e-3 * float(theirs.abs().max()))


WIDE = {"in_channels": 64, "out_channels": 128, "kernel_size": 3, "padding": 1}


@pytest.mark.parametrize(
    ("changed", "taken"),
    [
        ({}, True),
        ({"bias": False}, True),
        ({"padding": 0}, True),
        ({"padding": (1, 1)}, True),
        ({"padding": (1, 0)}, False),
        ({"padding": "same"}, False),
        ({"padding_mode": "reflect"}, True),
        ({"stride": 2}, False),
        ({"dilation": 2}, False),
        ({"groups": 2}, False),
        ({"kernel_size": 5}, False),
        ({"kernel_size": (3, 1), "padding": 0}, False),
        ({"in_channels": 32}, False),
        ({"in_channels": 128, "out_channels": 64}, True),
        ({"out_channels": 64}, False),
    ],
)
def test_which_layers_are_computed_so_and_that_all_answer_as_before(
    changed: dict[str, object], taken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(**{**WIDE, **changed})  # type: ignore[arg-type]
    images = torch.randn(32, layer.in_channels, 9, 7)
    calls: list[int] = []
    monkeypatch.setattr(winograd, "convolve", lambda *given: calls.append(1) or convolve(*given))
    with WinogradConvolutions():
        ours = layer(images)
    assert bool(calls) is taken
    torch.testing.assert_close(ours, layer(images), rtol=0, atol=3e-5)


@pytest.mark.parametrize("shape", [(64, 48, 48), (1, 64, 28, 28), (0, 64, 8, 8)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_single_images_empty_batches_and_double_precision_stay_as_they_are(
    shape: tuple[int, ...], dtype: torch.dtype
) -> None:
    torch.manual_seed(0)
    layer, images = nn.Conv2d(64, 128, 3, padding=1, dtype=dtype), torch.randn(shape, dtype=dtype)
    before = layer(images)
    with WinogradConvolutions():
        assert torch.equal(layer(images), before)


def test_a_map_too_small_for_the_filter_is_refused_in_pytorchs_words() -> None:
    with WinogradConvolutions(), pytest.raises(RuntimeError, match="Kernel size can't be greater"):
        nn.Conv2d(64, 128, 3)(torch.ones(500, 64, 2, 9))
