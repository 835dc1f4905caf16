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


def square_matrices() -> nn.Module:
    """Both passes read matrices of as many rows as columns, which are not to be read alike."""
    torch.manual_seed(0)
    filters = [nn.Conv2d(3, 8, 3, 2, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 1, 1), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1)]
    return nn.Sequential(*filters, nn.ReLU(), nn.Flatten(2), nn.Linear(16, 16), nn.Flatten(), nn.Linear(128, 5))


class Attention(nn.Module):
    """A transformer's layer, on the patches of an image of 16 pixels."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.patches = nn.Conv2d(3, 8, 4, 4)
        self.layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True, norm_first=True)
        self.head = nn.Linear(8, 5)

    def forward(self, inputs):
        return self.head(self.layer(self.patches(inputs).flatten(2).transpose(1, 2)).mean(dim=1))


def poolings() -> nn.Module:
    """Averages of a few windows, of overlapping ones, with their border and without; a normalisation that stays."""
    torch.manual_seed(0)
    layers = [nn.AvgPool2d(3, 2, 1, count_include_pad=False), nn.BatchNorm2d(3), nn.Conv2d(3, 4, 3, padding=1)]
    more = [nn.ReLU(), nn.AvgPool2d(3, 1, 1), nn.AvgPool2d(2, ceil_mode=True), nn.AdaptiveAvgPool2d((2, None))]
    return nn.Sequential(*layers, *more, nn.Flatten(), nn.Linear(32, 5))


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


NETWORKS = {"square matrices": square_matrices, "attention": Attention, "poolings": poolings}


@pytest.mark.parametrize("name", NETWORKS)
def test_both_passes_of_every_kind_of_network_are_autograds(name) -> None:
    classifier = classifier_of(NETWORKS[name](), 16, 5)
    inputs = torch.rand(3, 3, 16, 16).requires_grad_()
    engine = OpenVINOGradients(classifier)
    answers = list(engine.run(Query(one.detach()[None], *QUERIES[0]) for one in inputs))
    logits = classifier.logits_from_inputs(inputs)
    (gradients,) = torch.autograd.grad(logits.log_softmax(dim=1)[:, 3].sum(), inputs)
    for answer, row, gradient in zip(answers, logits, gradients, strict=True):
        assert torch.allclose(answer.logits[0], row, atol=1e-5)
        assert torch.allclose(answer.gradient[0], gradient, atol=1e-4 * gradient.abs().max().item())


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


def test_a_large_network_is_left_to_pytorch(toy, monkeypatch) -> None:
    """Converting one takes several times its memory."""
    monkeypatch.setattr("snellen.attacks.gradients.fastest_precision", lambda _: "float32")
    robust = AttackConfig(1, robust=True)
    assert choose_gradients(toy, robust, 1).name == "openvino float32"
    parameters = sum(one.numel() for one in toy.network.parameters())
    monkeypatch.setattr("snellen.attacks.backward_graph._MOST_PARAMETERS", parameters - 1)
    assert choose_gradients(toy, robust, 1).name == "torch float32"


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
