"""What a tab is, and what several of them do alike."""

from __future__ import annotations

import dataclasses
import io
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from snellen.errors import InputError
from snellen.figures import percent
from snellen.inspect.categories import Classification
from snellen.models.classifier import Classifier
from snellen.models.predictions import Prediction
from snellen.runs.files import write_bytes
from snellen.runs.provenance import Provenance, fingerprint
from snellen.web.content import Bar, Bars, Picture, Work
from snellen.web.fields import Choice, Field
from snellen.web.limits import Limits
from snellen.web.photographs import Photograph
from snellen.web.state import AppState

DEFAULT_SIDE = 1024
SIDES = (512, DEFAULT_SIDE, 2048)
"""Longer sides that a photograph can be reduced to before it is attacked or transformed, in pixels."""
_REFERENCE_PASS = 0.05
"""Seconds that the bundled network takes for one photograph where the forecasts were measured."""
_OWN_MEMORY = 550
"""MiB that the page takes with the bundled network, before any question."""


@dataclass(frozen=True)
class Asked:
    """What a visitor asks a tab for, with the settings checked.

    Attributes:
        state: what all tabs share.
        folder: folder of the job's files; it is there before the work begins.
        photographs: photographs that it is asked about.
        model: name of the model, as the page shows it.
        settings: value of each of the tab's fields.
    """

    state: AppState
    folder: Path
    photographs: Sequence[Photograph]
    model: str
    settings: Mapping[str, Any]

    @property
    def photograph(self) -> Photograph:
        """The first photograph.

        Raises:
            InputError: there is none.
        """
        self.check_photographs()
        return self.photographs[0]

    @property
    def classifier(self) -> Classifier:
        """The classifier.

        Raises:
            InputError: the page does not offer it.
        """
        return self.state.model(self.model)

    def check_photographs(self) -> None:
        """Refuse a question about nothing, before any work begins.

        Raises:
            InputError: there is no photograph.
        """
        if not self.photographs:
            raise InputError("no photograph", "drop one on the page, or choose one of the examples")

    def check_model(self) -> None:
        """Refuse what the page does not offer, before any work begins.

        Raises:
            InputError: no such model.
        """
        self.state.model(self.model)


@dataclass(frozen=True)
class Plan:
    """Work that was checked and has not begun.

    Attributes:
        work: the work.
        seconds: seconds that it takes at most, roughly.
        mebibytes: MiB that the page takes meanwhile, roughly.
        uses: photographs that must stay until it has ended.
    """

    work: Work
    seconds: float
    mebibytes: float = _OWN_MEMORY
    uses: Sequence[Photograph] = ()


@dataclass(frozen=True)
class Tab:
    """One tab of the page.

    Attributes:
        title: what the tab says.
        lead: one sentence on what it is for.
        action: what its button says.
        empty: what will stand where the answer comes.
        fields: function that gives what it asks for.
        plan: function that checks what is asked, refuses or gives the work.
        most: function that gives how many photographs it takes at a time.
        model: whether it is asked about one of the page's models.
    """

    title: str
    lead: str
    action: str
    empty: str
    fields: Callable[[AppState], Sequence[Field]]
    plan: Callable[[Asked], Plan]
    most: Callable[[Limits], int] = lambda _: 1
    model: bool = True


def side_field() -> Choice:
    """At what size a photograph is worked on."""
    return Choice(
        "side",
        "Work at",
        str(DEFAULT_SIDE),
        (*((str(side), f"{side:,} pixels at most") for side in SIDES), ("0", "the photograph's own size")),
        "The longer side; a larger photograph is reduced first. Time and memory grow with the number of pixels.",
    )


def worked_size(asked: Asked, photograph: Photograph) -> tuple[int, int]:
    """(width, height) at which a photograph is worked on.

    Raises:
        InputError: its own size is too large for this page.
    """
    side, most = int(asked.settings["side"]), asked.state.limits.worked_pixels
    factor = min(1.0, side / max(photograph.width, photograph.height)) if side else 1.0
    width, height = round(photograph.width * factor), round(photograph.height * factor)
    if width * height > most:
        raise InputError(
            f"{photograph.name}: {photograph.width} x {photograph.height} pixels",
            f"this page works on at most {most // 1_000_000} million; choose {SIDES[-1]:,} pixels under 'Work at', or "
            "run the command on your own machine",
        )
    return width, height


def megapixels(asked: Asked, photograph: Photograph) -> float:
    """Millions of pixels at which a photograph is worked on."""
    width, height = worked_size(asked, photograph)
    return width * height / 1e6


def was_reduced(asked: Asked, photograph: Photograph) -> bool:
    """Whether a photograph is worked on at fewer pixels than it has."""
    side = int(asked.settings["side"])
    return bool(side) and max(photograph.width, photograph.height) > side


def file_of_command(asked: Asked, photograph: Photograph, reduced: str) -> str:
    """Name of the file with which the command does the same: the photograph's, or ``reduced`` where it was reduced.

    A command works at a photograph's own size, where the answers may be others. The answer must then offer ``reduced``.
    """
    return reduced if was_reduced(asked, photograph) else photograph.name


def told_reduced(asked: Asked, files: Sequence[tuple[Photograph, str]]) -> list[str]:
    """A sentence for each photograph that was reduced, each given with the name of the reduced file."""
    return [
        f"{photograph.name} was reduced from {photograph.width} x {photograph.height} pixels before: {name}, among the "
        "files below, is what was worked on, and what the command reads."
        for photograph, name in files
        if was_reduced(asked, photograph)
    ]


def slowness(asked: Asked) -> float:
    """How much slower the networks are here than where the forecasts were measured."""
    return max(asked.state.pass_seconds / _REFERENCE_PASS, 0.2)


def memory(mebibytes: float) -> float:
    """MiB of the whole page while a job takes ``mebibytes``."""
    return _OWN_MEMORY + mebibytes


def sureness(prediction: Prediction) -> str:
    """Its class and probability, as the bars write them: what is all but certain is not called certain."""
    share = prediction.probability
    if share >= 0.9995 and share < 1:
        return f"{prediction.label}, > 99.9%"
    return f"{prediction.label}, {percent(share)}"


def bars_of(title: str, predictions: Sequence[Prediction]) -> Bars:
    """A bar for each of some classes."""
    return Bars(title, [Bar(one.label, one.probability, one.index) for one in predictions])


def named(result: Classification, photograph: Photograph) -> Classification:
    """A result under the name that the visitor's file has."""
    return dataclasses.replace(result, image=photograph.name)


def seen_picture(asked: Asked, image: Image.Image) -> Picture:
    """Writes what the network sees of a photograph: resized and cropped."""
    classifier = asked.classifier
    write_picture(asked.folder / "input.png", Image.fromarray(classifier.preprocessing.preprocess_image(image)))
    height, width = classifier.preprocessing.size
    return Picture("input.png", f"What the network sees: {width} x {height} pixels", "The photograph as it was cropped")


def write_picture(path: Path, image: Image.Image) -> None:
    """Write a PNG."""
    file = io.BytesIO()
    image.save(file, format="PNG", compress_level=1)
    write_bytes(path, file.getvalue())


def provenance(classifier: Classifier, image: Image.Image, command: str) -> Provenance:
    """What makes an answer repeatable; of the server's own command line a visitor need not know."""
    return dataclasses.replace(classifier.provenance(fingerprint(image.tobytes())), command=command)


def command_of(name: str, asked: Asked, *arguments: object, files: Sequence[str] | None = None) -> str:
    """The command that does the same on one's own machine, with ``files`` where they are not the visitor's own."""
    # What a visitor taught the page lies in the folder of its downloads.
    learned = asked.state.learned.find(asked.model) is not None
    model = ["--probe", "learned"] if learned else ["--model", asked.model]
    return probe_command(name, asked, *arguments, *model, files=files)


def probe_command(name: str, asked: Asked, *arguments: object, files: Sequence[str] | None = None) -> str:
    """As :func:`command_of`, of a model that the arguments name already."""
    files = [one.name for one in asked.photographs] if files is None else files
    return shlex.join(["snellen", name, *files, *map(str, arguments)])
