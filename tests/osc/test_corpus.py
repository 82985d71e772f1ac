"""Every packet in tests/corpus, with its expected result. Each file is one packet from the wire."""

from pathlib import Path

import pytest

from engine.errors import OscDecodeError
from engine.osc.decode import Bundle, Impulse, Message, decode_packet
from tests.support.cases import cases_of

CORPUS = Path(__file__).parent.parent / "corpus"
HALF = Message("/a", (0.5,), "f")
YEAR_2030 = (2_208_988_800 + 1_900_000_000) << 32

READABLE = {
    "python-osc-time-tag-sleeps": Bundle(YEAR_2030, (HALF,)),
    "python-osc-char-shifts-arguments": Message("/a", ("A", 7), "ci"),
    "python-osc-symbol-shifts-arguments": Message("/a", ("word", 7), "Si"),
    "python-osc-impulse-is-lost": Message("/a", (Impulse.BANG, 7), "Ii"),
    "python-osc-invalid-utf8-raises": Message("/a\ufffd\ufffd", ("\ufffd(",), "s"),
    "liblo-char-in-the-low-byte": Message("/a", ("A",), "c"),
    "osc4py3-char-in-the-high-byte": Message("/a", ("A",), "c"),
    "liblo-large-int-as-h": Message("/a", (1 << 40,), "h"),
    "pyliblo-bundle-tag-zero": Bundle(0, (HALF,)),
    "touchdesigner-without-type-tags": Message("/a", (), ""),
    "pd-comma-without-arguments": Message("/a", (), ""),
    "oscpy-true-as-int": Message("/a", (1,), "i"),
    "resolume-empty-address": Message("", (0.5,), "f"),
    "resolume-address-without-slash": Message("composition/name", ("Layer #",), "s"),
}
BROKEN = cases_of(__file__)["broken"]


def packet(name: str) -> bytes:
    return (CORPUS / f"{name}.bin").read_bytes()


@pytest.mark.parametrize("name", READABLE)
def test_packets_of_real_programs_are_read(name: str) -> None:
    assert decode_packet(packet(name)) == READABLE[name]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_packet_is_refused_with_its_reason(name: str) -> None:
    with pytest.raises(OscDecodeError, match=BROKEN[name]):
        decode_packet(packet(name))


def test_every_packet_of_the_corpus_has_an_expected_result() -> None:
    assert {path.stem for path in CORPUS.glob("*.bin")} == READABLE.keys() | BROKEN.keys()
