"""A network that is compiled where that can be done."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from snellen.runs.progress import Progress


class CompiledNetwork(nn.Module):
    """A network compiled as it first runs; itself, and a line that says so, where it cannot be compiled here.

    The compiler needs Triton and a C compiler, which a machine with a GPU need not have.
    """

    def __init__(self, network: nn.Module, progress: Progress) -> None:
        super().__init__()
        self.network = network
        self._compiled: Callable[[Tensor], Tensor] | None = torch.compile(network, mode="max-autotune-no-cudagraphs")
        self._progress = progress

    def forward(self, inputs: Tensor) -> Tensor:
        """As the network."""
        if self._compiled is not None:
            try:
                return self._compiled(inputs)
            except Exception as error:
                # Its errors have no common class. One that is the network's own is met again below.
                self._compiled = None
                reason = next(iter(str(error).splitlines()), type(error).__name__)
                self._progress.note(f"The network is not compiled here, so training is slower: {reason}")
        result: Tensor = self.network(inputs)
        return result
