"""What all tabs share: the classifiers that the page examines, its photographs, its limits."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import torch

from snellen.attacks.attack import png_bytes
from snellen.data.images import read_image
from snellen.data.photographs import bundled_photographs
from snellen.errors import InputError
from snellen.exam.paths import leads_out
from snellen.models.bundled import BUNDLED
from snellen.models.classifier import Classifier, load
from snellen.models.listing import is_offline
from snellen.runs.serialise import read_json
from snellen.transfer.files import CONFUSION, RESULT, load_probe
from snellen.web.folder import Folder
from snellen.web.limits import Limits
from snellen.web.photographs import Photograph, Photographs

T = TypeVar("T")

NO_PROBE = (
    "This page was started without a probe. Make one with `snellen probe DATASET --out RUN`, then start the page with "
    "`snellen serve --probe RUN`; or show the network a few pictures of your own under Learn."
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


class Learned:
    """The classifiers that visitors made on the page; who does not know a name cannot guess it."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[str, Classifier] = {}
        self._lock = threading.Lock()

    def add(self, name: str, classifier: Classifier) -> None:
        """Keep one; the oldest goes where there are too many."""
        with self._lock:
            self._known[name] = classifier
            while len(self._known) > self._most:
                del self._known[next(iter(self._known))]

    def find(self, name: str) -> Classifier | None:
        """The one of that name; None where there is none, or no more."""
        return self._known.get(name)


@dataclass(frozen=True, eq=False)
class AppState:
    """Everything a tab works with.

    Attributes:
        folder: folder of all that the page writes.
        models: offered models by the name that the page shows.
        probes: offered probes by the name that the page shows.
        limits: limits of what a visitor may ask for.
        device: device that the networks run on.
        pass_seconds: seconds that the first model takes for one photograph.
        learned: classifiers that visitors made.
        photographs: photographs that visitors gave and that the page made.
    """

    folder: Folder
    models: Mapping[str, OfferedModel]
    probes: Mapping[str, OfferedProbe] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    device: str = "auto"
    pass_seconds: float = 0.05
    learned: Learned = field(init=False)
    photographs: Photographs = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "learned", Learned(self.limits.learned))
        object.__setattr__(self, "photographs", Photographs(self.folder, self.limits))

    def model(self, name: str) -> Classifier:
        """The classifier of that name, a visitor's own among them.

        Raises:
            InputError: the page does not offer it.
        """
        learned = self.learned.find(name)
        return _offered("model", name, self.models).classifier if learned is None else learned

    def probe(self, name: str | None) -> OfferedProbe:
        """The probe of that name.

        Raises:
            InputError: the page does not offer it, or none.
        """
        if not self.probes:
            raise InputError(NO_PROBE)
        return _offered("probe", name, self.probes)

    def examples(self) -> list[Photograph]:
        """The bundled photographs, as if a visitor had given them."""
        return [self.photographs.add(one.path.read_bytes(), one.path.name) for one in bundled_photographs()]


def open_state(
    folder: Folder,
    models: Sequence[str] = (),
    probes: Sequence[Path] = (),
    device: str = "auto",
    limits: Limits | None = None,
    told: Callable[[str], None] = lambda _: None,
) -> AppState:
    """Load what the page is to examine.

    Args:
        folder: folder of all that the page writes.
        models: names or paths, as :func:`snellen.load` takes them; empty takes the bundled ones that are installed.
        probes: run folders of probes.
        device: device that the networks run on.
        limits: limits of what a visitor may ask for.
        told: function that is told what is being loaded.

    Raises:
        InputError: one of them cannot be loaded, or two have one name; or a link leads out of a probe's folder, or what
            it holds beside the probe is damaged.
    """
    sources = list(models) or [name for name in BUNDLED if is_offline(name)]

    def loaded(source: str) -> OfferedModel:
        told(f"Loading {_display_name(source)}")
        classifier = load(source, device=device)
        # A file's classifier is called by its path, of which results are to say nothing.
        classifier.name = classifier.name if classifier.name in BUNDLED else _display_name(classifier.name)
        return OfferedModel(source, classifier)

    offered = _named((_display_name(source), loaded(source)) for source in sources)
    return AppState(
        folder=folder,
        models=offered,
        probes=_named((_display_name(probe), _open_probe(probe, device)) for probe in probes),
        limits=limits or Limits(),
        device=device,
        pass_seconds=_seconds_of_pass(next(iter(offered.values())).classifier),
    )


def _seconds_of_pass(classifier: Classifier) -> float:
    """Seconds that the network takes for one photograph: the least of several, since others use the processor too."""
    blank = torch.full((1, 3, *classifier.preprocessing.size), 0.5)
    took = []
    for _ in range(5):
        begun = time.perf_counter()
        with torch.inference_mode():
            classifier.logits_from_inputs(blank)
        took.append(time.perf_counter() - begun)
    return min(took)


def _open_probe(run: Path, device: str) -> OfferedProbe:
    return OfferedProbe(load_probe(run, device=device), _discussion_of(run), _confusion_of(run))


def _discussion_of(run: Path) -> Sequence[str]:
    """The sentences of a probe's result; none where the run holds no result."""
    result = run / RESULT
    if not os.path.lexists(result):
        return ()
    _check_inside(result, run)
    said = read_json(result)
    sentences = said.get("discussion", []) if isinstance(said, dict) else None
    if not isinstance(sentences, list) or not all(isinstance(one, str) for one in sentences):
        raise InputError(f"{result}: no result of a probe", "the run folder that `snellen probe` wrote")
    return sentences


def _confusion_of(run: Path) -> bytes | None:
    """The confusion matrix of a probe as a PNG file made anew: every visitor is given it, and nothing else there."""
    confusion = run / CONFUSION
    if not os.path.lexists(confusion):
        return None
    _check_inside(confusion, run)
    return png_bytes(read_image(confusion))


def _check_inside(path: Path, run: Path) -> None:
    if leads_out(path, [run], below=False):
        raise InputError(f"{path}: a link leads out of the run's folder", "the file itself in its place")


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
