"""Encoded packets: answers use int, float and string only, and python-osc reads all of them."""

import math

import pytest
from pythonosc.osc_message import OscMessage

from engine.osc.decode import decode_packet
from engine.osc.encode import encode_message, encode_reply
from engine.osc.time_tag import wait_s
from tests.support.time_tags import time_tag_of


@pytest.mark.parametrize(
    ("value", "type_tag", "read_back"),
    [
        (0.5, "f", 0.5),
        (7, "i", 7),
        (True, "i", 1),
        (False, "i", 0),
        ("add", "s", "add"),
        (2**31 - 1, "i", 2**31 - 1),
        (2**31, "f", float(2**31)),
        (1e39, "f", math.inf),
        (-1e39, "f", -math.inf),
        ("cut\0here", "s", "cut"),
        ("lone \ud800 surrogate", "s", "lone ? surrogate"),
        ("", "s", ""),
    ],
)
def test_an_answer_uses_only_types_that_vanilla_pd_reads(
    value: object, type_tag: str, read_back: object
) -> None:
    for others in ((), ("beside",)):
        message = decode_packet(encode_reply("/x", value, *others))
        assert message.args == (read_back, *others)
        assert message.type_tags == type_tag + "s" * len(others)


ANSWERS = (
    ("/layer/1/angle", (0.25,)),
    ("/layer/1/angle", (-1,)),
    ("/layer/1/angle", (0.75,)),
    ("/preset/list", ()),
    ("/preset/name", ("wölfe",)),
    ("/map/entry", (3, "midi 1 cc 20", "/layer/1/angle", "", -180.0, 180.0, "linear", 0, "jump")),
    *(("/x" + "y" * length, ("z" * length, length)) for length in range(9)),  # every padding
)


@pytest.mark.parametrize(("address", "args"), ANSWERS)
def test_an_answer_is_byte_by_byte_what_python_osc_builds(address: str, args: tuple) -> None:
    packet = encode_reply(address, *args)
    assert packet == encode_message(address, *args)
    assert OscMessage(packet).params == list(args)


def test_time_tags_count_from_1900() -> None:
    assert time_tag_of(0.0) == 2_208_988_800 << 32
    assert wait_s(time_tag_of(1_700_000_000.25), 1_700_000_000.0) == 0.25
    assert wait_s(0, 5.0) == wait_s(1, 5.0) == 0.0 > wait_s(2, 5.0)
