"""Snellen: an eye exam for image classifiers."""

from typing import Any

import lazy_loader

# The names and where they live stand in __init__.pyi; each is imported when it is first used.
_imported, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from importlib.metadata import version

        return version("snellen")
    try:
        return _imported(name)
    except AttributeError as error:
        from snellen.errors import did_you_mean

        # A module is no public name, and who imports one from here finds it by itself.
        hint = None if name.startswith("_") else did_you_mean(name, __all__)
        raise AttributeError(f"{error}; {hint}" if hint else str(error), name=name, obj=error.obj) from error
