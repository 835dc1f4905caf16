"""One network of each family gives maps, measures and a heat map, with random weights."""

import numpy as np
import pytest
import torch

import snellen._torchvision  # noqa: F401  # before timm
from snellen.inspect.feature_maps import feature_maps
from snellen.inspect.heatmap import heatmap
from toys import classifier_of

import timm  # isort: skip
import torchvision  # isort: skip

FAMILIES = {
    "vgg11": 96,
    "resnet18": 96,
    "densenet121": 64,
    "inception_v3": 96,
    "legacy_xception": 96,
    "mobilenetv3_small_050": 96,
    "efficientnet_b0": 96,
    "regnetx_002": 96,
    "convnext_atto": 96,
    "repvgg_a0": 96,
    "res2net50_14w_8s": 64,
    "dla46x_c": 64,
    "hrnet_w18_small": 64,
    "nfnet_l0": 64,
    "vit_tiny_patch16_224": 64,
    "swin_tiny_patch4_window7_224": 112,
    "resmlp_12_224": 64,
    "test_mambaout": 64,
}


def examine(network: torch.nn.Module, size: int) -> None:
    classifier = classifier_of(network, size, 1000)
    pixels = torch.rand(1, 3, size, size, generator=torch.Generator().manual_seed(1))
    result = feature_maps(classifier, pixels)
    assert len(result.maps) == 15
    depths = [layer.depth for layer in result.layers]
    assert depths == sorted(depths)
    assert depths[-1] - depths[0] > 0.5
    for feature, values in zip(result.maps, result.values, strict=True):
        assert values.shape == (feature.height, feature.width)
        assert min(values.shape) > 1
        assert np.isfinite(values).all()
        assert -1 <= feature.importance <= 1
    assert all(layer.activated for layer in classifier.layers if layer.name in {m.layer for m in result.maps})
    assert "nan" not in result.discussion().lower().replace("banana", "")
    heat = heatmap(classifier, pixels)
    assert np.isfinite(heat.values).all()
    assert heat.values.min() >= 0
    assert heat.values.max() in (0, pytest.approx(1))


@pytest.mark.parametrize("name", FAMILIES)
def test_a_family_of_timm(name: str) -> None:
    torch.manual_seed(0)
    size = FAMILIES[name]
    sized = {"img_size": size} if name.startswith(("vit", "swin", "resmlp")) else {}
    if name == "vgg11":
        # Of its 133 million parameters nine in ten lie behind the last map.
        sized["mlp_ratio"] = 1 / 16
    network = timm.create_model(name, pretrained=False, **sized)
    # Some families start with a classifier of zeros, which nothing can support.
    torch.nn.init.normal_(network.get_classifier().weight, std=0.02)
    examine(network, size)


def test_squeezenet() -> None:
    torch.manual_seed(0)
    examine(torchvision.models.squeezenet1_1(weights=None), 96)
