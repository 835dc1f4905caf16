"""The files of a model that lie together: a repository of the hub, or a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from snellen.data.hub import fetch
from snellen.errors import ModelError
from snellen.runs.serialise import read_json

CONFIG = "config.json"


class Repository(Protocol):
    """Where a model's files lie.

    Attributes:
        title: what a report calls it.
    """

    @property
    def title(self) -> str:
        """What a report calls it."""

    def file(self, name: str) -> Path:
        """The path of a file in it, on this machine.

        Raises:
            ModelError: it is not there.
        """


@dataclass(frozen=True)
class HubRepository:
    """A repository of the hub, which the user named.

    Attributes:
        asked: name as the user gave it.
        repository: owner and name.
    """

    asked: str
    repository: str

    @property
    def title(self) -> str:
        """What a report calls it."""
        return f"hub {self.repository}"

    def file(self, name: str) -> Path:
        """The file, from the cache where it is there, else downloaded."""
        return fetch(self.asked, self.repository, name)


@dataclass(frozen=True)
class LocalRepository:
    """A folder with the files of a repository.

    Attributes:
        folder: its path.
    """

    folder: Path

    @property
    def title(self) -> str:
        """What a report calls it."""
        return "local folder"

    def file(self, name: str) -> Path:
        """The file in the folder."""
        if not (self.folder / name).is_file():
            raise ModelError(f"{self.folder}: has no {name}", "safetensors: a pickle is refused")
        return self.folder / name


def read_repository_config(name: str, repository: Repository) -> Mapping[str, Any]:
    """The repository's ``config.json``, as a JSON object.

    Raises:
        ModelError: there is none, or it is no object.
        InputError: it is no JSON.
    """
    accepted = "a repository saved by timm or transformers"
    plain = read_json(repository.file(CONFIG), accepted)
    if not isinstance(plain, Mapping):
        raise ModelError(f"{name}: its {CONFIG} is no JSON object", accepted)
    return plain
