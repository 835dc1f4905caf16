"""What other devices lack: float64 on Apple's, a compiler beside a GPU, all of a machine's cores."""

import math
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import snellen
from snellen.attacks.attack import attack
from snellen.attacks.config import AttackConfig
from snellen.data.images import to_image
from snellen.inference.engines import TorchEngine
from snellen.models.classifier import Classifier
from snellen.models.predictions import softmax
from snellen.robustness.spectrum import high_frequency_energy
from snellen.runs import provenance
from toys import classifier_of


class WithoutFloat64(Tensor):
    """A tensor on a device that has no float64 and whose memory NumPy cannot see: it must come to the CPU first."""

    @classmethod
    def __torch_function__(cls, function, types, args=(), kwargs=None):
        name = getattr(function, "__name__", "")
        if name == "cpu" or (name == "to" and "cpu" in map(str, args)):
            return args[0].as_subclass(Tensor)
        if name in ("numpy", "__array__"):
            raise TypeError("can't convert device tensor to numpy")
        result = super().__torch_function__(function, types, args, kwargs or {})
        if isinstance(result, WithoutFloat64) and result.dtype == torch.float64:
            raise TypeError("Cannot convert a device Tensor to float64")
        return result


class OnDevice(nn.Module):
    """A network whose inputs, and so whose maps and logits, are on such a device."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.inner = network
        self.is_there = True

    def forward(self, inputs: Tensor) -> Tensor:
        return self.inner(inputs.as_subclass(WithoutFloat64) if self.is_there else inputs)


@pytest.fixture(scope="module")
def on_device() -> Classifier:
    """A small network with named layers, on a device without float64."""
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 6, 3, stride=2), nn.ReLU(),
        nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 5),
    )  # fmt: skip
    torch.manual_seed(0)
    for parameter in network.parameters():
        nn.init.uniform_(parameter, -0.2, 0.5)
    there = OnDevice(network)
    classifier = classifier_of(there, 32, 5)
    # Which of a network's modules give maps is found out by PyTorch's own kinds of tensors.
    there.is_there = False
    assert classifier.layers
    there.is_there = True
    return classifier


def test_the_stand_in_refuses_what_such_a_device_refuses() -> None:
    tensor = torch.ones(3).as_subclass(WithoutFloat64)
    with pytest.raises(TypeError, match="float64"):
        (tensor * 2).double()
    with pytest.raises(TypeError, match="numpy"):
        (tensor + 1).numpy()
    assert tensor.cpu().double().dtype == torch.float64


@pytest.mark.parametrize("what", ["classify", "feature_maps", "heatmap", "stress", "attack", "TorchEngine"])
def test_no_float64_on_the_device(on_device: Classifier, what: str) -> None:
    image = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    if what == "attack":
        assert attack(on_device, image, config=AttackConfig(target=None, steps=3)).gradients > 0
    elif what == "TorchEngine":
        (features,) = TorchEngine(on_device).run([on_device.preprocessing.preprocess_image(to_image(image))])
        assert features.shape == (6,)
    else:
        assert getattr(snellen, what)(on_device, image) is not None


def test_probabilities_and_spectra_leave_the_device_first() -> None:
    logits = torch.tensor([[0.0, math.log(3)]]).as_subclass(WithoutFloat64)
    assert softmax(logits)[0].tolist() == pytest.approx([0.25, 0.75])
    flat = torch.zeros(1, 3, 8, 8).as_subclass(WithoutFloat64)
    assert high_frequency_energy(flat).tolist() == [0]


@pytest.mark.parametrize(
    ("limit", "expected"),
    [("200000 100000", 2), ("150000 100000", 2), ("50000 100000", 1), ("max 100000", 16), ("", 16)],
)
def test_cores_are_counted_from_affinity_and_limits(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, limit: str, expected: int
) -> None:
    """A container's limit is a share of time, rounded up; without one, the cores that this process may run on."""
    (tmp_path / "cpu.max").write_text(limit, encoding="utf-8")
    monkeypatch.setattr(provenance, "_CGROUP_LIMITS", (tmp_path / "cpu.max",))
    monkeypatch.setattr(provenance.os, "sched_getaffinity", lambda _: set(range(16)), raising=False)
    assert provenance.cores() == expected
