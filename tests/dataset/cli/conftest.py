"""The fixture `cli`, for `multiverse dataset`."""

from tests.cli.conftest import cli

__all__ = ["cli"]
