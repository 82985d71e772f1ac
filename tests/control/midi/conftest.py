"""Fixture of the tests of MIDI ports: their rig."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.control.midi.midi_rig import MidiRig


@pytest.fixture
def open_midi(tmp_path: Path, reports: Any, make_peer: Any) -> Iterator[Any]:
    rigs = []

    def make(*port_names: str) -> MidiRig:
        rigs.append(MidiRig(tmp_path, reports, make_peer(), *port_names))
        return rigs[-1]

    yield make
    for rig in rigs:
        rig.map.close()
