"""The version of an installed package. A checkout runs without being installed, so the engine
itself may have none."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version

SOURCE = "source"


@cache
def package_version(name: str = "multiverse-engine") -> str:
    """The installed version of a package; "source" for one that was not installed."""
    try:
        return version(name)
    except PackageNotFoundError:
        return SOURCE
