"""Which channels are forwarded to the map, and when."""

from engine.control.dmx.forwarding import MAX_MAPPED, MAX_OTHERS, Forwarder
from engine.control.dmx.universe import Universe
from engine.dmx.artnet import read_artnet
from engine.dmx.packets import LevelsPacket
from tests.support.dmx import art_dmx


class Network:
    """Universes whose levels a test sets."""

    def __init__(self, *numbers: int) -> None:
        self.universes: dict[int, Universe] = {}
        self.forwarder = Forwarder(numbers)

    def send(self, number: int, levels: bytes) -> None:
        packet = read_artnet(art_dmx(number, levels), "2.0.0.5", 6454)
        assert isinstance(packet, LevelsPacket)
        self.universes.setdefault(number, Universe(number)).take(packet, 0.0)

    def take(self) -> dict[str, float]:
        changes, left = self.forwarder.take(self.universes)
        self.has_more = bool(left)
        return {message.address: message.args[0] for _, messages in changes for message in messages}  # type: ignore[misc]


def test_only_changed_channels_are_forwarded_and_none_when_it_is_mapped_in_mid_show() -> None:
    network = Network(1)
    network.forwarder.set_mapped({"/dmx/1/2", "/dmx/1/3"})
    network.send(1, bytes((0, 10, 20, 30)))
    assert network.take() == {"/dmx/1/2": 10 / 255, "/dmx/1/3": 20 / 255}, (
        "a fader that is touched sets its parameter"
    )
    network.send(1, bytes((0, 10, 255, 30)))
    assert network.take() == {"/dmx/1/3": 1.0}
    assert network.take() == {}
    network = Network(1)
    network.send(1, bytes((100, 50)))
    network.take()
    network.forwarder.set_mapped({"/dmx/1/1", "/dmx/1/1/16bit"})
    network.send(1, bytes((100, 50)))
    assert network.take() == {}
    network.send(1, bytes((101, 50)))
    assert network.take() == {"/dmx/1/1": 101 / 255, "/dmx/1/1/16bit": (101 * 256 + 50) / 65_535}


def test_mapped_channels_go_first_and_under_overload_each_has_its_turn() -> None:
    network = Network(1, 2)
    network.forwarder.set_mapped({"/dmx/2/512"})
    for number in (1, 2):
        network.send(number, bytes(512))
    network.take()
    for number in (1, 2):
        network.send(number, bytes((7,)) * 512)
    first = network.take()
    assert "/dmx/2/512" in first and len(first) == 1 + MAX_OTHERS and network.has_more
    for number in (1, 2):
        network.send(number, bytes((8,)) * 512)
    seen: dict[str, float] = dict(first)
    for _ in range(40):
        seen |= network.take()
    assert not network.has_more
    assert len(seen) == 1024 and set(seen.values()) == {8 / 255}
    network = Network(1, 2)
    network.forwarder.set_mapped({"/dmx/*/*"})
    seen: set[str] = set()
    for level in range(4):
        for number in (1, 2):
            network.send(number, bytes((level,)) * 512)
        changes = network.take()
        assert len(changes) <= MAX_MAPPED
        seen |= changes.keys()
    assert len(seen) == 1024


def test_two_channels_are_one_value_of_sixteen_bits_if_that_is_mapped() -> None:
    network = Network(1)
    network.forwarder.set_mapped({"/dmx/1/1/16bit"})
    network.send(1, bytes((0x12, 0x34, 0)))
    assert network.take() == {"/dmx/1/1/16bit": 0x1234 / 65_535}
    network.send(1, bytes((0x12, 0x35, 0)))
    assert network.take()["/dmx/1/1/16bit"] == 0x1235 / 65_535
    network.send(1, bytes((0xFF, 0xFF, 0)))
    assert network.take()["/dmx/1/1/16bit"] == 1.0
