"""Replicas of published models: their files, names, configuration values and dtypes, with random
weights and small widths. Loading decides family, prediction, sampler, parts and refusals from
exactly these.

A replica is an entry in the list REPLICAS of a module beside this one.
`tests/models/test_replicas.py` checks, loads and paints with each,
`tests/models/rvc/test_replicas.py` does so for voices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ModelError
from tests.support.links import link_or_copy


@dataclass(frozen=True, kw_only=True)
class Works:
    """Expectation that a replica loads and paints, and is run as its authors intend."""

    family: str = ""
    """sd15, sd21 or sdxl; "" here and in the next two if the replica is not about it."""
    prediction: str = ""
    sampler: str = ""
    says: tuple[str, ...] = ()
    """Parts of the report of `check`: reasons of the choices, and notes."""


@dataclass(frozen=True, kw_only=True)
class Refused:
    """Expectation that a replica is refused in one line, with the same text by check and load."""

    says: tuple[str, ...]
    """Parts of the line: what the file is, and what to use instead."""


@dataclass(frozen=True, kw_only=True)
class Folders:
    """The folders that one replica is written to."""

    folder: Path
    """Empty at first."""
    tiny: Any
    """`TinyModels` of the tests: models to start from, never written to."""
    hub: Path
    """An empty Hugging Face cache, the only one that is searched."""

    def put_on_hub(self, hub_id: str, folder: Path) -> None:
        """Make `folder` the snapshot of `owner/name` in the cache, or a subfolder of it,
        `owner/name/subfolder`."""
        owner, name, *subfolders = hub_id.split("/")
        repository = self.hub / f"models--{owner}--{name}"
        (repository / "refs").mkdir(parents=True)
        (repository / "refs" / "main").write_text("0" * 40, encoding="utf-8")
        link = (repository / "snapshots" / ("0" * 40)).joinpath(*subfolders)
        link.parent.mkdir(parents=True)
        link_or_copy(link, folder)


@dataclass(frozen=True)
class Replica:
    name: str
    """Its published name: `owner/name`, followed by the file if it is one of several."""
    source: str
    """Address of the page or file that its names and values are taken from."""
    build: Callable[[Folders], Any]
    """Writes it and returns what a user would ask for: a ModelSpec or a VoiceSpec."""
    expect: Any
    """Works, Speaks or Refused."""


def folders_in(folder: Path, tiny: Any, monkeypatch: pytest.MonkeyPatch) -> Folders:
    """Empty folders for a replica, with its cache as the only Hugging Face cache."""
    target = Folders(folder=folder / "models", tiny=tiny, hub=folder / "hub")
    target.folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(target.hub))
    return target


def parametrized(replicas: Sequence[Replica], kind: type) -> pytest.MarkDecorator:
    """Run a test for each replica that expects `kind`; the fixture `spec` gets the replica."""
    chosen = [replica for replica in replicas if isinstance(replica.expect, kind)]
    return pytest.mark.parametrize(
        ("spec", "expect"),
        [(replica, replica.expect) for replica in chosen],
        ids=[replica.name for replica in chosen],
        indirect=["spec"],
    )


def assert_refused_alike(
    expect: Refused, name: str, check: Callable[[], Any], load: Callable[[], object]
) -> None:
    """`check`, by its report or its error, and `load` refuse the model `name` with the same one
    line."""
    try:
        (line,) = check().missing
    except ModelError as error:
        line = str(error)
    assert "\n" not in line
    for phrase in expect.says:
        assert phrase in line
    with pytest.raises(ModelError) as raised:
        load()
    assert str(raised.value).removeprefix(f"{name}: ") == line.removeprefix(f"{name}: ")
