"""What makes a result repeatable: command, versions, hardware, and fingerprints of what went in."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import importlib.metadata
import os
import platform
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_CGROUP_LIMITS = (Path("/sys/fs/cgroup/cpu.max"),)
"""Where Linux says how much of the processors' time a container may take."""
_PACKAGES = ("snellen", "torch", "torchvision", "timm", "numpy", "pillow", "scikit-learn", "matplotlib", "typst")


@dataclass(frozen=True)
class Provenance:
    """What makes a result repeatable.

    Attributes:
        command: the command line, or the Python program, that made it.
        model: the classifier's name; empty where there is none.
        weights: SHA-256 of its weights.
        data: fingerprint of the input data; see :func:`fingerprint`.
        seed: of every random choice; None where there is none.
        device: where the network ran.
        hardware: processor, its family and model, and cores.
        versions: of Python and the packages that matter.
        preprocessing: the classifier's, in a sentence; empty where there is none.
        engine: who computed, and in which precision, where there was a choice; else empty.
    """

    command: str
    model: str
    weights: str
    data: str
    seed: int | None
    device: str
    hardware: str
    versions: Mapping[str, str]
    preprocessing: str = ""
    engine: str = ""

    @classmethod
    def collect(
        cls,
        *,
        model: str = "",
        weights: str = "",
        preprocessing: str = "",
        data: str = "",
        seed: int | None = None,
        device: str = "cpu",
        engine: str = "",
    ) -> Provenance:
        """The provenance of a result that is being made now."""
        made = command_line(), model, weights, data, seed, device, hardware(device), versions()
        return cls(*made, preprocessing=preprocessing, engine=engine)


def command_line() -> str:
    """The command that runs now, as one would type it."""
    program = os.path.basename(sys.argv[0]) or "python"
    return shlex.join(["snellen" if program == "__main__.py" else program, *sys.argv[1:]])


@functools.cache
def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on."""
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[package] = importlib.metadata.version(package)
    return found


@functools.cache
def hardware(device: str = "cpu") -> str:
    """The processor and the number of cores that this process may use; before them the GPU where ``device`` is one.

    Its family and model stand beside the name, which virtual machines cut short: two with one name may differ in speed
    by a factor of two.
    """
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        model = facts.get("model name", model)
        if {"cpu family", "model"} <= facts.keys():
            model += f" (family {facts['cpu family']}, model {facts['model']})"
    processor = f"{model}, {cores()} cores"
    if not device.startswith("cuda"):
        return processor
    import torch  # there already where a device is one

    return f"{torch.cuda.get_device_name(device)} beside {processor}"


def cores() -> int:
    """The number of processor cores that this process may use: those that it may run on, or the time of fewer."""
    here = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    for path in _CGROUP_LIMITS:
        with contextlib.suppress(OSError, ValueError):
            # Microseconds of processor time in a period, and the period; "max" where there is no limit.
            share, period = map(int, path.read_text().split())
            here = min(here, max(1, -(-share // period)))
    return here


def fingerprint(data: bytes | str) -> str:
    """A short SHA-256 (16 hexadecimal digits) that tells one input from another."""
    # The name of a file need not be UTF-8.
    content = data.encode(errors="surrogateescape") if isinstance(data, str) else data
    return hashlib.sha256(content).hexdigest()[:16]
