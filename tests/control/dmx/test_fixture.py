"""The engine as a fixture: a desk's channels move a playing engine."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from engine.errors import UsageError
from engine.params.mapping.built_in_maps import built_in
from osc_schema.fixture import CHANNELS
from tests.support.dmx import sacn
from tests.support.engine_client import EngineClient, open_client

HOST, UNIVERSE, ADDRESS = "127.0.0.1", 9, 101
NAMES = [channel.name for channel in CHANNELS]


class LightingDesk:
    """A lighting desk that has the engine's fixture patched."""

    def __init__(self, port: int) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((HOST, 0))
        self._port, self._sequence = port, 0
        self.levels = {channel.name: channel.default for channel in CHANNELS} | {"Intensity": 255}

    def send(self, **levels: int) -> None:
        self.levels |= {name.replace("_", " "): level for name, level in levels.items()}
        self._sequence = (self._sequence + 1) % 256
        data = bytes(ADDRESS - 1) + bytes(self.levels[name] for name in NAMES)
        self._socket.sendto(sacn(UNIVERSE, data, sequence=self._sequence), (HOST, self._port))

    def close(self) -> None:
        self._socket.close()


@pytest.fixture(scope="module")
def rig(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[EngineClient, LightingDesk, Path]]:
    from tests.support.free_port import free_port

    folder, port = tmp_path_factory.mktemp("fixture"), free_port()
    dmx = {
        "listen": "sacn",
        "universes": [1],
        "fixture": f"{UNIVERSE}.{ADDRESS}",
        "interface": HOST,
        "sacn_port": port,
    }
    with open_client(folder, dmx=dmx, mapping=str(folder / "map.toml")) as session:
        lighting = LightingDesk(port)
        yield session, lighting, folder
        lighting.close()


def test_a_patched_desk_plays_intensity_blackout_looks_and_colours(rig, wait_for: Callable) -> None:
    session, lighting, _ = rig
    params = session.engine.params
    lighting.send(Intensity=128)
    wait_for(lambda: params.get("/master/fade") == pytest.approx(128 / 255), "the intensity")
    lighting.send(Blackout=128, Palette=0)
    wait_for(lambda: params.get("/master/blackout"), "the blackout")
    lighting.send(Blackout=0, Strobe=255, Strobe_rate=255)
    strobe = lambda: (params.get("/master/strobe/enable"), params.get("/master/strobe/rate_hz"))  # noqa: E731
    wait_for(lambda: strobe() == (True, pytest.approx(15.0)), "the strobe")
    lighting.send(Strobe=0, Look=6, Hue=51)
    wait_for(lambda: session.ask("/preset/current")[0].args[0] == "Mandala", "the look")
    wait_for(
        lambda: params.get("/colour/shift") == pytest.approx(0.2),
        "the hue of the same cue, over the look's own",
    )
    assert not params.get("/master/blackout")
    lighting.send(Look=0)
    wait_for(lambda: params.get("/preset/number") == 0, "no look")
    assert session.ask("/preset/current")[0].args[0] == "Mandala"


def test_a_preset_whose_name_begins_with_the_number_comes_before_a_built_in_one(
    rig, wait_for: Callable
) -> None:
    session, lighting, _ = rig
    session.done("/preset/save", "07 Finale")
    lighting.send(Look=7)
    wait_for(lambda: session.ask("/preset/current")[0].args[0] == "07 Finale", "the own preset")
    lighting.send(Look=77)
    wait_for(lambda: session.engine.params.get("/preset/number") == 77, "an unknown number")
    warning = (
        "/preset/number: no preset has number 77; name a preset 77 and more, such as '77 Finale'"
    )
    wait_for(lambda: any(warning in line for line in session.engine.status().warnings), "the line")
    assert session.ask("/preset/current")[0].args[0] == "07 Finale"


@pytest.mark.parametrize("address", ["1", "1.0", "1.490", "99999.1", "x.y", "1.1.1", "-1.5"])
def test_a_wrong_address_is_reported_in_one_line(address: str) -> None:
    with pytest.raises(
        UsageError, match=r"^fixture '.*' is not UNIVERSE.ADDRESS, such as 1.101; .*1\.\.489"
    ):
        built_in(f"fixture:{address}")
