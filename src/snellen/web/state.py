"""What all tabs share: the classifiers that the page examines, its folder, its limits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from snellen.errors import InputError
from snellen.models.bundled import BUNDLED
from snellen.models.classifier import Classifier, load
from snellen.models.listing import is_offline
from snellen.transfer.files import CONFUSION, RESULT, load_probe
from snellen.web.limits import Limits

T = TypeVar("T")

NO_PROBE = (
    "This page was started without a probe. Make one with `snellen probe DATASET --out RUN`, then start the page with "
    "`snellen serve --probe RUN`."
)


@dataclass(frozen=True, eq=False)
class OfferedModel:
    """A classifier that the page examines.

    Attributes:
        source: name or path, as :func:`snellen.load` takes it.
        classifier: loaded classifier.
    """

    source: str
    classifier: Classifier


@dataclass(frozen=True, eq=False)
class OfferedProbe:
    """What a probe's run folder holds.

    Attributes:
        classifier: loaded classifier.
        discussion: sentences on its result; empty where the run holds none.
        confusion: confusion matrix as a PNG file; None where the run holds none.
    """

    classifier: Classifier
    discussion: Sequence[str]
    confusion: bytes | None


@dataclass(frozen=True, eq=False)
class AppState:
    """Everything a tab works with. All is loaded before the first visitor, so that memory does not grow with use.

    Attributes:
        folder: folder of all results.
        models: offered models by the name that the page shows.
        probes: offered probes by the name that the page shows.
        limits: limits of what a visitor may ask for.
        device: device that the networks run on.
    """

    folder: Path
    models: Mapping[str, OfferedModel]
    probes: Mapping[str, OfferedProbe] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    device: str = "auto"

    def model(self, name: str) -> Classifier:
        """The classifier of that name.

        Raises:
            InputError: the page does not offer it.
        """
        return _offered("model", name, self.models).classifier

    def probe(self, name: str | None) -> OfferedProbe:
        """The probe of that name.

        Raises:
            InputError: the page does not offer it, or none.
        """
        if not self.probes:
            raise InputError(NO_PROBE)
        return _offered("probe", name, self.probes)


def open_state(
    folder: Path,
    models: Sequence[str] = (),
    probes: Sequence[Path] = (),
    device: str = "auto",
    limits: Limits | None = None,
) -> AppState:
    """Load what the page is to examine.

    Args:
        folder: folder of all results.
        models: names or paths, as :func:`snellen.load` takes them; empty takes the bundled ones that are installed.
        probes: run folders of probes.
        device: device that the networks run on.
        limits: limits of what a visitor may ask for.

    Raises:
        InputError: one of them cannot be loaded, or two have one name.
    """
    sources = list(models) or [name for name in BUNDLED if is_offline(name)]
    return AppState(
        folder=folder,
        models=_named((_display_name(source), OfferedModel(source, load(source, device=device))) for source in sources),
        probes=_named((_display_name(probe), _open_probe(probe, device)) for probe in probes),
        limits=limits or Limits(),
        device=device,
    )


def _open_probe(run: Path, device: str) -> OfferedProbe:
    result, confusion = run / RESULT, run / CONFUSION
    plain = json.loads(result.read_text(encoding="utf-8")) if result.is_file() else {}
    picture = confusion.read_bytes() if confusion.is_file() else None
    return OfferedProbe(load_probe(run, device=device), plain.get("discussion", ()), picture)


def _display_name(source: str | Path) -> str:
    """A path's last part, so that the page says nothing of the folders of this machine; any other name as it is."""
    path = Path(source)
    return path.resolve().name if path.exists() else str(source)


def _named(pairs: Iterable[tuple[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for name, value in pairs:
        if name in found:
            raise InputError(f"two are called {name!r}", "folders and files of different names")
        found[name] = value
    return found


def _offered(what: str, name: str | None, offered: Mapping[str, T]) -> T:
    if name is None or name not in offered:
        raise InputError(f"no {what} {name!r} on this page", f"one of {', '.join(offered)}")
    return offered[name]
