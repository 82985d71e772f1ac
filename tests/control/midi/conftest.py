"""The stage of the tests of MIDI ports."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.midi.midi_rig import Stage


@pytest.fixture
def open_stage(tmp_path: Path, reports: Any, make_peer: Any) -> Iterator[Any]:
    stages = []

    def make(*wanted: str) -> Stage:
        stages.append(Stage(tmp_path, reports, make_peer(), *wanted))
        return stages[-1]

    yield make
    for stage in stages:
        stage.map.close()
