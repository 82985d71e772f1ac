"""One universe, several desks."""

from uuid import UUID

from engine.control.dmx.universe import STUCK_PACKETS, Universe
from engine.dmx.artnet import read_artnet
from engine.dmx.packets import LevelsPacket
from engine.dmx.sacn import read_sacn
from tests.support.dmx import DESK_CID, SPARE_CID, art_dmx, sacn


def of_sacn(level: int, **fields: object) -> LevelsPacket:
    packet = read_sacn(sacn(1, bytes((level,)), **fields), "10.0.0.5")  # type: ignore[arg-type]
    assert packet is not None
    return packet


def of_artnet(level: int, sequence: int = 0, host: str = "2.0.0.5") -> LevelsPacket:
    packet = read_artnet(art_dmx(1, bytes((level, level)), sequence=sequence), host, 6454)
    assert isinstance(packet, LevelsPacket)
    return packet


def test_the_spare_desk_takes_over_when_the_first_one_ends_or_fell_silent() -> None:
    universe = Universe(1)
    universe.take(of_sacn(10, priority=150, sequence=1), 0.0)
    assert not universe.take(of_sacn(99, component=SPARE_CID, sequence=1), 0.1)
    assert universe.levels[0] == 10 and universe.source == "sacn Desk 10.0.0.5"
    universe.take(of_sacn(0, priority=150, sequence=2, options=0x40), 0.2)
    assert universe.levels[0] == 10, "the levels of a last packet do not count"
    assert universe.take(of_sacn(99, component=SPARE_CID, sequence=2), 0.3)
    assert universe.levels[0] == 99
    universe = Universe(1)
    universe.take(of_sacn(10, priority=150, sequence=1), 0.0)
    assert not universe.take(of_sacn(99, component=SPARE_CID, sequence=1), 2.5)
    assert universe.take(of_sacn(99, component=SPARE_CID, sequence=2), 2.6)


def test_a_packet_that_was_overtaken_is_left_out_and_an_art_net_number_may_repeat() -> None:
    universe = Universe(1)
    assert universe.take(of_sacn(1, sequence=254), 0.0)
    assert universe.take(of_sacn(2, sequence=1), 0.1)
    assert not universe.take(of_sacn(3, sequence=255), 0.2)
    assert not universe.take(of_sacn(3, sequence=1), 0.2)
    assert universe.take(of_sacn(4, sequence=200), 0.3), "so far behind, the desk has started again"
    assert universe.levels[0] == 4
    universe = Universe(1)
    assert universe.take(of_artnet(1, sequence=7), 0.0)
    assert universe.take(of_artnet(2, sequence=7), 0.1)
    assert not universe.take(of_artnet(3, sequence=6), 0.2)


def test_a_desk_that_does_not_count_its_packets_is_reported_once_and_is_there_until_it_falls_silent() -> (
    None
):
    universe, reports = Universe(1), []
    for packet in range(44 * 6):
        assert universe.take(of_sacn(packet % 256), packet / 44) == (packet == 0)
        assert not universe.step(packet / 44), "it is not silent"
        reports += [packet] if universe.stuck else []
    assert reports == [STUCK_PACKETS] and universe.levels[0] == 0
    assert not universe.step(8.0) and universe.step(9.0)
    assert universe.take(of_sacn(7), 9.1)


def test_a_short_packet_leaves_the_channels_after_it_and_levels_are_held_when_every_desk_is_gone() -> (
    None
):
    universe = Universe(1)
    universe.take(of_artnet(200), 0.0)
    assert not universe.step(10.0) and universe.status(10.0).state == "live"
    assert universe.step(10.1)
    assert not universe.step(10.2), "reported once"
    assert (
        universe.holds_last_levels
        and universe.levels[0] == 200
        and universe.status(11.0).state == "held"
    )
    universe = Universe(1)
    universe.take(of_artnet(9), 0.0)
    universe.take(of_sacn(1), 0.1)
    assert universe.levels[:3].tolist() == [1, 9, 0] and universe.channels == 2
    universe = Universe(1)
    for number in range(100):
        universe.take(of_artnet(number, host=f"2.0.0.{number}"), number / 1000)
    assert universe.status(0.2).sources == 8


def test_with_the_highest_level_no_desk_pulls_a_channel_down_and_one_that_ends_lets_go() -> None:
    universe = Universe(1, "highest")
    universe.take(of_sacn(200, sequence=1), 0.0)
    assert universe.take(of_artnet(100), 0.1) and list(universe.levels[:2]) == [200, 100]
    universe.take(of_sacn(50, sequence=2), 0.2)
    assert list(universe.levels[:2]) == [100, 100]
    assert not universe.take(of_sacn(255, component=SPARE_CID, priority=99, sequence=1), 0.3)
    assert list(universe.levels[:2]) == [100, 100], "a lower priority takes no part"
    universe.take(of_sacn(80, sequence=3), 9.5)
    assert list(universe.levels[:2]) == [100, 100]
    assert not universe.step(10.2) and universe.has_news, "the other desk was silent for 10 s"
    assert list(universe.levels[:2]) == [80, 100], "a channel that nobody sends any more is held"


def test_a_priority_for_each_channel_decides_channel_by_channel() -> None:
    def of(levels: bytes, component: UUID, sequence: int, start_code: int = 0) -> LevelsPacket:
        data = sacn(1, levels, component=component, sequence=sequence, start_code=start_code)
        packet = read_sacn(data, "10.0.0.5")
        assert packet is not None
        return packet

    universe = Universe(1)
    universe.take(of(b"\x0a\x0a\x0a", DESK_CID, 1), 0.0)
    universe.take(of(b"\x14\x14\x14", SPARE_CID, 1), 0.0)
    assert list(universe.levels[:3]) == [20, 20, 20]
    universe.take(of(b"\xc8\x64\x00", SPARE_CID, 2, 0xDD), 0.1)
    universe.take(of(b"\x0b\x0b\x0b", DESK_CID, 2), 0.2)
    assert list(universe.levels[:3]) == [20, 11, 11], "200 wins, 100 is equal, 0 is not sent"
    universe.take(of(b"\x15\x15\x15", SPARE_CID, 3), 0.3)
    assert list(universe.levels[:3]) == [21, 21, 11]
    universe.take(of(b"\x16\x16\x16", SPARE_CID, 4), 2.5)
    universe.take(of(b"\x17\x17\x17", SPARE_CID, 5), 2.7)
    assert list(universe.levels[:3]) == [23, 23, 23], (
        "without new priorities for 2.5 s those of the packets count"
    )
