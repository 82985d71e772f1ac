"""Every packet in tests/corpus, with its expected result. Each file is one packet from the wire."""

from pathlib import Path

import pytest

from engine.errors import OscDecodeError
from engine.osc.decode import Bundle, Impulse, Message, decode_packet

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
BROKEN = {
    "python-osc-negative-element-size-loops": "element of -4 bytes",
    "python-osc-negative-blob-size": "blob of -4 bytes",
    "python-osc-unknown-element-is-skipped": "begins with b'junk'",
    "python-osc-element-longer-than-packet": "element of 4096 bytes where 12 are left",
    "empty-element": "element of 0 bytes",
    "bundles-nested-17-deep": "bundles nested deeper than 16",
    "arrays-nested-17-deep": "arrays nested deeper than 16",
    "array-not-closed": "is not closed",
    "array-not-opened": r"'\]' in 'i\]'",
    "arguments-missing": "ends inside its arguments 'ff'",
    "bytes-left-over": "4 bytes left over after 'f'",
    "arguments-without-type-tags": "where a type tag string should begin",
    "address-without-end": "string at byte 0 has no end",
    "padding-not-zero": "not with zeros",
    "length-not-a-multiple-of-four": "11 bytes; a packet is a multiple of 4",
    "bundle-head-cut-short": "bundle of 12 bytes",
    "not-osc-at-all": "begins with b'GET / HT'",
    "unknown-type-tag": "unknown type tag 'x'",
}


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
