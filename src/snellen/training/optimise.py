"""From a gradient to a step: Muon, and the optimisers and the learning-rate schedule that a recipe asks for."""

from __future__ import annotations

import functools
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from snellen.training.recipe import Optimiser, Schedule

# The odd polynomial a x + b x^3 + c x^5 whose iterates take every singular value of (0, 1] near one; Jordan
# chose the coefficients for speed at zero (https://kellerjordan.github.io/posts/muon/, 2024).
_A, _B, _C = 3.4445, -4.7750, 2.0315
_ITERATIONS = 3
_SMALLEST_NORM = 1e-12


def orthogonalised(matrix: Tensor) -> Tensor:
    """Roughly U V^T of ``matrix`` = U S V^T, by a Newton-Schulz iteration: matrix products only.

    Every iterate is a polynomial of the first one's Gram matrix times the first one. The polynomial alone is iterated,
    in products of the matrix's shorter side; products with the long side are two, however many iterations there are.
    """
    x: Tensor = matrix / (matrix.norm() + 1e-7)
    tall = x.shape[0] > x.shape[1]
    if tall:
        x = x.T
    gram = x @ x.T
    product = step = _polynomial(gram)
    for _ in range(_ITERATIONS - 1):
        gram = step @ gram @ step
        step = _polynomial(gram)
        product = step @ product
    x = product @ x
    return x.T if tall else x


def _polynomial(gram: Tensor) -> Tensor:
    """The factor a I + b G + c G^2 by which an iteration multiplies, of the Gram matrix G."""
    value = torch.addmm(gram, gram, gram, beta=_B, alpha=_C)
    value.diagonal().add_(_A)
    return value


class Muon(torch.optim.Optimizer):
    """Momentum, orthogonalised (Jordan et al. 2024): every direction of a filter bank moves equally far.

    Each filter bank (F, C, h, w) is taken as a matrix (F, C * h * w) and kept at the norm sqrt(F), so that the
    learning rate is the relative length of a step; a bank of zeros has no direction to keep and takes its first step as
    it is. This fits filters that a normalisation follows, which makes their scale meaningless.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], lr: float, momentum: float) -> None:
        super().__init__(parameters, {"lr": lr, "momentum": momentum})

    @torch.no_grad()
    def step(self, closure: Any = None) -> None:  # type: ignore[override]
        """Move each parameter by ``lr`` against its orthogonalised Nesterov momentum."""
        del closure
        for group in self.param_groups:
            for parameter in group["params"]:
                if (gradient := parameter.grad) is None:
                    continue
                state = self.state[parameter]
                if "momentum_buffer" not in state:
                    state["momentum_buffer"] = torch.zeros_like(gradient)
                average = state["momentum_buffer"]
                average.mul_(group["momentum"]).add_(gradient)
                ahead = gradient.add(average, alpha=group["momentum"])
                parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp(min=_SMALLEST_NORM))
                step = orthogonalised(ahead.reshape(len(ahead), -1)).view_as(parameter)
                parameter.sub_(step, alpha=group["lr"])


def make_optimisers(network: nn.Module, settings: Optimiser) -> list[torch.optim.Optimizer]:
    """The optimisers of all parameters that are trained; vectors (biases, normalisations) never decay."""
    trained = [parameter for parameter in network.parameters() if parameter.requires_grad]
    banks = [parameter for parameter in trained if parameter.ndim == 4 and settings.name == "muon"]
    rest = [parameter for parameter in trained if not any(parameter is bank for bank in banks)]
    groups = [
        {"params": [parameter for parameter in rest if parameter.ndim > 1], "weight_decay": settings.weight_decay},
        {"params": [parameter for parameter in rest if parameter.ndim <= 1], "weight_decay": 0.0},
    ]
    groups = [group for group in groups if group["params"]]
    rate, momentum = settings.learning_rate, settings.momentum
    if settings.name == "sgd":
        return [torch.optim.SGD(groups, lr=rate, momentum=momentum, nesterov=momentum > 0)]
    adamw_rate = rate if settings.name == "adamw" else settings.adamw_learning_rate
    optimisers: list[torch.optim.Optimizer] = [torch.optim.AdamW(groups, lr=adamw_rate)] if groups else []
    return [*optimisers, Muon(banks, rate, momentum)] if banks else optimisers


def learning_rate_factor(step: int, steps: int, schedule: Schedule) -> float:
    """The factor of the peak learning rate at step 0, 1, ..., ``steps`` - 1; at the step after the last it is zero."""
    rising = schedule.warmup * steps
    if step < rising:
        return (step + 1) / (rising + 1)
    return (steps - step) / (steps - rising)


def make_schedulers(
    optimisers: Iterable[torch.optim.Optimizer], schedule: Schedule, steps: int, step: int
) -> list[LambdaLR]:
    """The schedulers that follow :func:`learning_rate_factor` from ``step`` of ``steps`` on, one for each optimiser."""
    factor = functools.partial(learning_rate_factor, steps=steps, schedule=schedule)
    schedulers = []
    for optimiser in optimisers:
        for group in optimiser.param_groups:
            group.setdefault("initial_lr", group["lr"])
        schedulers.append(LambdaLR(optimiser, factor, last_epoch=step - 1))
    return schedulers
