"""The sink of light: known pictures become known pixels, received over a real socket."""

import dataclasses
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

import osc_schema
from engine.errors import SinkError
from engine.sinks.dmx import DmxSink
from engine.sinks.dmx_levels import colours_of, grid_of, levels_of, read_size, universes_of
from engine.values import BeatFeatures, ChannelFeatures
from tests.support.dmx import received

HOST = "127.0.0.1"
VALUES = {param.address: param.default for param in osc_schema.PARAMS}


@pytest.fixture
def node() -> Iterator[socket.socket]:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:
        opened.bind((HOST, 0))
        opened.settimeout(60.0)
        yield opened


@pytest.fixture
def opened(
    make_format, node: socket.socket, tmp_path: Path, monkeypatch
) -> Iterator[Callable[..., DmxSink]]:
    monkeypatch.setenv("MULTIVERSE_HOME", str(tmp_path))
    sinks: list[DmxSink] = []

    def start(more: str = "") -> DmxSink:
        sink = DmxSink(f"Test,to={HOST}:{node.getsockname()[1]}{more}")
        sink.start(make_format())
        sinks.append(sink)
        return sink

    yield start
    for sink in sinks:
        sink.close()


def picture(*colours: tuple[int, int, int]) -> np.ndarray:
    """A picture of vertical bars in these colours, 48 rows."""
    return np.repeat(
        np.array([[(*colour, 255) for colour in colours]], np.uint8).repeat(16, 1), 48, 0
    )


def test_a_red_frame_gives_red_pixels(opened, make_frame, node: socket.socket, wait_for) -> None:
    sink = opened(",width=2,height=2")
    sink.publish(make_frame(0, picture((255, 0, 0))))
    packet = received(node)
    assert (packet.universe, packet.levels, packet.priority) == (1, b"\xff\0\0" * 4, 100)
    assert packet.name == f"Test {HOST}"
    wait_for(lambda: sink.status().detail == f"sacn universe 1, to {HOST}", "the status")
    sink.publish(make_frame(1, picture((0, 0, 0)), time_s=1.0))
    assert received(node).levels == bytes(12), "blackout is sent as zeros"
    sink.close()
    assert [received(node).is_end for _ in range(3)] == [True] * 3


def test_parameters_change_while_it_runs_and_the_argument_overrides_them(
    opened, make_frame, node: socket.socket
) -> None:
    sink = opened(",width=1,height=1,gamma=linear")
    detail = {
        "/sink/dmx/protocol": "artnet",
        "/sink/dmx/universe": 5,
        "/sink/dmx/channel": 3,
        "/sink/dmx/width": 9,
    }
    sink.publish(make_frame(0, picture((64, 128, 255))))
    assert received(node).levels == bytes((64, 128, 255))
    sink.publish(
        dataclasses.replace(
            make_frame(1, picture((64, 128, 255)), time_s=1.0), values=VALUES | detail
        )
    )
    assert [received(node).is_end for _ in range(3)] == [True] * 3, (
        "the old protocol's universe ends"
    )
    packet = received(node)
    assert (packet.protocol, packet.universe, packet.levels) == (
        "artnet",
        5,
        bytes((0, 0, 64, 128, 255, 0)),
    )


def test_forty_pictures_a_second_are_read_at_most(opened, make_frame, node: socket.socket) -> None:
    sink = opened()
    reads: list[int] = []
    for index in range(120):  # a second at 120 frames per second
        sink.publish(make_frame(index, time_s=index / 120, reads=reads))
    assert len(reads) == 40 and sink.status().frames == 120


def test_a_universe_that_the_protocol_lacks_is_left_out_and_reported(
    opened, make_frame, node: socket.socket, wait_for
) -> None:
    sink = opened(",universe=63999,width=170,height=2")
    sink.publish(make_frame())
    assert received(node).universe == 63_999
    detail = f"sacn universe 63999, to {HOST}; 1 left out, 1..63999 are allowed"
    wait_for(lambda: sink.status().detail == detail, "the status")


@pytest.mark.parametrize(
    ("argument", "line"),
    [
        ("x,speed=3", "dmx: 'speed=3': unknown; write NAME,SETTING=VALUE"),
        ("x,width=wide", "dmx: /sink/dmx/width: "),
        ("x,width=900", "dmx: width: 900 is outside 1..170"),
        ("x,protocol=dali", "dmx: /sink/dmx/protocol: "),
        ("x,to=desk.local", "dmx: to: 'desk.local' is not an IPv4 address"),
    ],
)
def test_a_wrong_argument_is_refused_in_one_line(argument: str, line: str) -> None:
    with pytest.raises(SinkError) as caught:
        DmxSink(argument)
    assert str(caught.value).startswith(line) and "\n" not in str(caught.value)


def test_a_grid_is_the_mean_of_each_part_of_the_whole_picture() -> None:
    bars = picture((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255))
    assert np.allclose(grid_of(bars, 4, 1)[0], [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 1)])
    assert np.allclose(grid_of(bars, 2, 3), [[(0.5, 0.5, 0), (0.5, 0.5, 1)]] * 3)
    assert grid_of(bars, 100, 60).shape == (60, 100, 3), "more pixels than the picture has"
    assert read_size(1280, 720, 60, 1) == (60, 34) and read_size(1280, 720, 1, 64) == (114, 64)


def test_rows_orders_and_white() -> None:
    grid = np.array([[(1, 0, 0), (0, 1, 0)], [(0, 0, 1), (1, 1, 0.5)]], np.float32)
    plain = levels_of(grid, "rgb", is_serpentine=False, gamma="linear", level=1.0)
    assert plain.tolist() == [[255, 0, 0], [0, 255, 0], [0, 0, 255], [255, 255, 128]]
    snake = levels_of(grid, "grb", is_serpentine=True, gamma="linear", level=1.0)
    assert snake.tolist() == [[0, 255, 0], [255, 0, 0], [255, 255, 128], [0, 0, 255]]
    white = levels_of(grid, "rgbw", is_serpentine=False, gamma="linear", level=0.5)
    assert white[3].tolist() == [64, 64, 0, 64]
    curved = levels_of(grid, "rgb", is_serpentine=False, gamma="2.2", level=1.0)
    assert curved[3].tolist() == [255, 255, 55], "half the picture's value is a fifth of the light"


def test_no_pixel_is_cut_in_two_between_universes() -> None:
    levels = np.arange(400 * 4, dtype=np.int64).astype(np.uint8).reshape(400, 4)
    universes = dict(universes_of(levels, 7, 100))
    assert {universe: len(data) for universe, data in universes.items()} == {
        7: 99 + 412,
        8: 512,
        9: 512,
        10: 164,
    }
    assert b"".join(universes.values())[99:] == levels.tobytes()
    assert dict(universes_of(levels[:1], 7, 511)) == {8: levels[0].tobytes()}, (
        "no room left in the first universe"
    )


def test_colours_levels_and_the_beat() -> None:
    channels = tuple(ChannelFeatures(envelope=envelope) for envelope in (1.0, 0.0, 0.001, 1.0))
    beat = BeatFeatures(beat=8.0)
    colours = colours_of("palette", VALUES, channels, beat, 8)
    assert colours.shape == (1, 8, 3) and np.array_equal(colours[0, 0], colours[0, 1])
    assert len(np.unique(colours[0].round(3), axis=0)) == 4, "a colour for each layer"
    loud = colours_of("levels", VALUES, channels, beat, 4)
    assert np.allclose(loud[0, 0], colours[0, 0]) and not loud[0, 1:3].any()
    assert np.array_equal(colours_of("beat", VALUES, channels, beat, 8), colours), "on the beat"
    assert np.allclose(colours_of("beat", VALUES, channels, BeatFeatures(beat=8.5), 8), colours / 4)
    assert not colours_of("palette", VALUES | {"/master/blackout": True}, channels, beat, 4).any()
    assert np.allclose(
        colours_of("palette", VALUES | {"/master/fade": 0.5}, channels, beat, 8), colours / 2
    )


def test_offline_nothing_is_sent_and_that_is_reported(make_format, make_frame) -> None:
    sink = DmxSink("")
    sink.start(make_format(is_offline=True), may_wait=True)
    sink.publish(make_frame())
    assert sink.warning == "dmx: nothing is sent offline, where time is not that of the room"
    sink.close()
