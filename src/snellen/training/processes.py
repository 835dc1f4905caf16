"""Several processes, on one machine or many, that train one network together, through Accelerate.

Start them with ``accelerate launch``. Each process takes its share of every batch, and the gradients are averaged so
that a step is the step of one process with the whole batch.
"""

from __future__ import annotations

import os
from typing import Any

import torch
from torch import Tensor, nn

from snellen.errors import InputError
from snellen.models.classifier import choose_device


class Processes:
    """One process, or this process among several; the methods are called as Accelerate calls them.

    Attributes:
        process_index: number of this process; the first, 0, is the main one.
        num_processes: number of processes.
        device: where this process computes.
    """

    def __init__(self, device: str = "auto") -> None:
        self._accelerator: Any = None
        self.process_index, self.num_processes, self.device = 0, 1, choose_device(device)
        if int(os.environ.get("WORLD_SIZE", "1")) > 1:
            self._accelerator = _accelerator(self.device)
            self.process_index = self._accelerator.process_index
            self.num_processes = self._accelerator.num_processes
            self.device = self._accelerator.device

    @property
    def is_main_process(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.process_index == 0

    def prepare(self, network: nn.Module) -> nn.Module:
        """``network``, whose gradients are averaged over the processes."""
        if self._accelerator is None:
            return network
        prepared: nn.Module = self._accelerator.prepare(network)
        return prepared

    def reduce(self, values: Tensor) -> Tensor:
        """The sum of ``values`` over the processes."""
        if self._accelerator is None:
            return values
        total: Tensor = self._accelerator.reduce(values, reduction="sum")
        return total

    def wait_for_everyone(self) -> None:
        """Return when every process has come here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

    def end(self) -> None:
        """The processes are done with each other."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()
            torch.distributed.destroy_process_group()
            self._accelerator = None


def _accelerator(device: torch.device) -> Any:
    try:
        from accelerate import Accelerator
    except ImportError as error:
        raise InputError("training with several processes needs Accelerate", "pip install 'snellen[scale]'") from error
    return Accelerator(cpu=device.type == "cpu", mixed_precision="no")
