"""Both engines of an attack give autograd's gradients, and the choice between them depends on the job alone."""

import numpy as np
import pytest
import torch
from torch import nn

from snellen.attacks.config import AttackConfig
from snellen.attacks.gradients import (
    WORTH_CONVERTING,
    FusedGradients,
    OpenVINOGradients,
    Query,
    choose_gradients,
    expected_gradients,
)
from snellen.attacks.search import Criterion, log_probability_or_margin, probability
from snellen.models.classifier import Classifier
from snellen.models.predictions import probabilities_of_inputs
from snellen.runs.progress import Progress
from toys import classifier_of


def network(seed: int = 0) -> nn.Module:
    """What a backward pass is made of: strides that leave rows over, groups, dilation, normalisation, clips, maxima."""
    torch.manual_seed(seed)
    return nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2),
        nn.BatchNorm2d(8),
        nn.ReLU6(inplace=True),
        nn.Conv2d(8, 8, 3, stride=2, padding=1, groups=8),
        nn.GELU(),
        nn.Conv2d(8, 12, 3, padding=2, dilation=2, groups=4),
        nn.SiLU(),
        nn.MaxPool2d(3, 1),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(12, 5),
    )


@pytest.fixture(scope="module")
def toy() -> Classifier:
    return classifier_of(network(), 18, 5)


@pytest.fixture(scope="module")
def openvino(toy) -> OpenVINOGradients:
    return OpenVINOGradients(toy)


QUERIES = [
    (Criterion(0, 3), log_probability_or_margin),
    (Criterion(2, None), log_probability_or_margin),
    (Criterion(0, 3), probability),
    (Criterion(2, None), probability),
]


@pytest.mark.parametrize("name", ["openvino", "torch"])
def test_an_engine_gives_what_autograd_does(name, toy, openvino) -> None:
    engine = openvino if name == "openvino" else FusedGradients(toy, "float32")
    inputs = torch.rand(7 * len(QUERIES), 3, 18, 18).requires_grad_()
    asked = [Query(one.detach()[None], *QUERIES[n % 4]) for n, one in enumerate(inputs)]
    answers = list(engine.run(asked))
    assert len(answers) == len(asked)
    logits = toy.logits_from_inputs(inputs)
    values = torch.cat([q.objective(q.criterion, row[None]) for q, row in zip(asked, logits, strict=True)])
    (gradients,) = torch.autograd.grad(values.sum(), inputs)
    for answer, row, value, gradient in zip(answers, logits, values, gradients, strict=True):
        assert torch.allclose(answer.logits[0], row, atol=1e-5)
        assert answer.value == pytest.approx(value.item(), abs=1e-5)
        assert torch.allclose(answer.gradient[0], gradient, atol=1e-4 * gradient.abs().max().item())


def test_what_else_is_attacked_does_not_change_a_bit(lite0) -> None:
    engine = FusedGradients(lite0, "float32")
    generator = torch.Generator().manual_seed(0)
    asked = [Query(torch.rand(1, 3, 224, 224, generator=generator), *QUERIES[0]) for _ in range(3)]
    alone = [next(engine.run([query])) for query in asked]
    together = list(engine.run(asked))
    assert all(torch.equal(one.gradient, other.gradient) for one, other in zip(alone, together, strict=True))


def test_few_queries_are_held(openvino) -> None:
    held = 0

    def queries():
        nonlocal held
        for _ in range(64):
            held += 1
            yield Query(torch.rand(1, 3, 18, 18), *QUERIES[0])

    for taken, _ in enumerate(openvino.run(queries()), start=1):
        assert held - taken <= 2 * openvino._requests


def test_the_plain_network_answers_where_two_classes_are_close(toy, openvino, monkeypatch) -> None:
    asked = []
    plain = probabilities_of_inputs
    monkeypatch.setattr(
        "snellen.attacks.gradients.probabilities_of_inputs", lambda *given: asked.append(given) or plain(*given)
    )
    seen = np.random.default_rng(0).integers(0, 256, (18, 18, 3), dtype=np.uint8)
    exact = plain(toy, seen)
    assert torch.allclose(openvino.probabilities(seen), exact, atol=1e-5)
    assert not asked
    monkeypatch.setattr("snellen.attacks.gradients._CLOSE", 100.0)
    assert torch.equal(openvino.probabilities(seen), exact)
    assert len(asked) == 1


def test_layer_normalisation_is_not_tried(monkeypatch) -> None:
    monkeypatch.setattr("snellen.attacks.gradients.fastest_precision", lambda _: "float32")
    network = nn.Sequential(nn.Flatten(), nn.LayerNorm(12), nn.Linear(12, 3))
    assert choose_gradients(classifier_of(network, 2, 3), AttackConfig(1), 100).name == "torch float32"


class Notes(Progress):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


def test_the_job_decides_who_takes_the_gradients(toy, monkeypatch) -> None:
    monkeypatch.setattr("snellen.attacks.gradients.fastest_precision", lambda _: "float32")
    config = AttackConfig(1)
    many = -(-WORTH_CONVERTING // expected_gradients(config, 1))
    assert choose_gradients(toy, config, many - 1).name == "torch float32"
    assert choose_gradients(toy, config, many).name == "openvino float32"
    assert choose_gradients(toy, AttackConfig(1, robust=True), 1).name == "openvino float32"
    monkeypatch.setattr("snellen.attacks.gradients.fastest_precision", lambda _: "bfloat16")
    assert choose_gradients(toy, config, many).name == "torch bfloat16"
    # The assignment's rule needs gradients that bfloat16 cannot hold.
    rule = AttackConfig(1, method="gradient_ascent", steps=2)
    assert choose_gradients(toy, rule, 1).name == "torch float32"


class Sorted(nn.Module):
    """A gradient that OpenVINO has no operation for."""

    def forward(self, inputs):
        return torch.cummax(inputs.flatten(1), dim=1).values[:, -3:]


def test_pytorch_takes_over_where_openvino_cannot(monkeypatch) -> None:
    monkeypatch.setattr("snellen.attacks.gradients.fastest_precision", lambda _: "float32")
    notes = Notes()
    engine = choose_gradients(classifier_of(Sorted(), 4, 3), AttackConfig(1), 100, notes)
    assert engine.name == "torch float32"
    assert "PyTorch takes over" in notes.lines[0]
