"""The Hugging Face hub: files of its repositories, from the cache where they are there, else downloaded."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from urllib.parse import urlparse

from snellen.errors import ModelError


class HubUnreachableError(ModelError):
    """A file is not on this machine, and the hub cannot be reached."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name}: its weights are not on this machine and the hub cannot be reached")


def cached_file(repository: str, filename: str) -> Path | None:
    """The file in the cache of downloads; None where it is not there."""
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(repository, filename)
    return Path(found) if isinstance(found, str) else None


def fetch(name: str, repository: str, filename: str) -> Path:
    """The file of a hub repository: from the cache where it is there, else downloaded."""
    from huggingface_hub.errors import HFValidationError

    try:
        cached = cached_file(repository, filename)
    except HFValidationError as error:
        raise ModelError(f"{name}: not the name of a hub repository", "hf-hub:owner/name") from error
    if cached is not None:
        return cached
    if not hub_reachable():
        raise HubUnreachableError(name)
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        HfHubHTTPError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    try:
        return Path(hf_hub_download(repository, filename))
    except GatedRepoError as error:
        raise ModelError(
            f"{name}: {repository} asks for its terms to be accepted", "log in with `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise ModelError(f"{name}: the hub has no repository {repository}") from error
    except LocalEntryNotFoundError as error:
        # A kind of EntryNotFoundError, but it says that nothing answered.
        raise HubUnreachableError(name) from error
    except EntryNotFoundError as error:
        raise ModelError(
            f"{name}: {repository} has no {filename}", "a pickle is refused; ask its owner for safetensors"
        ) from error
    except (HfHubHTTPError, OSError) as error:
        raise ModelError(f"{name}: the download of {filename} failed: {error}") from error


def hub_reachable() -> bool:
    """Whether a connection to the hub opens within three seconds; the hub's own client tries for far longer."""
    from huggingface_hub import constants

    return reachable(constants.ENDPOINT)


def reachable(url: str) -> bool:
    """Whether a connection to the host of ``url`` opens within three seconds; not where the hub is set to offline."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if any(os.environ.get(key) for key in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")):
        return True
    endpoint = urlparse(url)
    port = endpoint.port or (443 if endpoint.scheme == "https" else 80)
    try:
        socket.create_connection((endpoint.hostname or "", port), timeout=3).close()
    except OSError:
        return False
    return True
