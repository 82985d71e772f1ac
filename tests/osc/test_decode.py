"""The decoder, compared with python-osc on valid packets, and on anything else."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pythonosc.osc_bundle import OscBundle
from pythonosc.osc_bundle_builder import OscBundleBuilder
from pythonosc.osc_message import OscMessage
from pythonosc.osc_message_builder import OscMessageBuilder

from engine.errors import OscDecodeError
from engine.osc.decode import MAX_PACKET_BYTES, Bundle, Message, Rgba, decode_packet
from engine.osc.encode import encode_message, encode_reply
from tests.support.long_form import IS_SOAK
from tests.support.time_tags import encode_bundle

byte = st.integers(0, 255)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=24)
argument = st.one_of(
    st.tuples(st.just("i"), st.integers(-(2**31), 2**31 - 1)),
    st.tuples(st.just("h"), st.integers(-(2**63), 2**63 - 1)),
    st.tuples(st.just("f"), st.floats(width=32)),
    st.tuples(st.just("d"), st.floats()),
    st.tuples(st.just("s"), text),
    st.tuples(st.just("b"), st.binary(min_size=1, max_size=24)),
    st.tuples(st.just("r"), st.integers(0, 2**32 - 1)),
    st.tuples(st.just("m"), st.tuples(byte, byte, byte, byte)),
    st.tuples(st.sampled_from("TFN"), st.none()),
)
# an inner list is an array
arguments = st.lists(st.one_of(argument, st.lists(argument, min_size=1, max_size=3)), max_size=6)
address = text.map(lambda rest: "/" + rest)


@st.composite
def built_message(draw: st.DrawFn) -> OscMessage:
    builder = OscMessageBuilder(draw(address))
    for item in draw(arguments):
        if isinstance(item, list):
            builder.add_arg([value for _, value in item], [tag for tag, _ in item])
        else:
            builder.add_arg(item[1], item[0])
    return builder.build()


@st.composite
def built_bundle(draw: st.DrawFn, depth: int = 2) -> OscBundle:
    builder = OscBundleBuilder(draw(st.sampled_from([0, 1_700_000_000.25])))
    inner = (
        built_message() if depth == 0 else st.one_of(built_message(), built_bundle(depth=depth - 1))
    )
    for element in draw(st.lists(inner, max_size=4)):
        builder.add_content(element)
    return builder.build()


def plain(value: object) -> object:
    """A value in a form to compare both decoders' results: nan equals nan, -0.0 is not 0.0."""
    if isinstance(value, Rgba):
        return int.from_bytes(bytes(value), "big")
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    return repr(value) if isinstance(value, float) else value


def assert_same(ours: Message | Bundle, theirs: OscMessage | OscBundle) -> None:
    if isinstance(theirs, OscMessage):
        assert ours.address == theirs.address
        assert plain(ours.args) == plain(theirs.params)
        return
    assert len(ours.elements) == theirs.num_contents
    for our_element, their_element in zip(ours.elements, theirs, strict=True):
        assert_same(our_element, their_element)


@given(built_message())
@settings(max_examples=300 if IS_SOAK else 30)
def test_a_valid_message_reads_as_python_osc_reads_it(theirs: OscMessage) -> None:
    assert_same(decode_packet(theirs.dgram), theirs)
    assert_same(decode_packet(memoryview(theirs.dgram)), theirs)  # and again, with the cached head


@given(built_bundle())
@settings(max_examples=150 if IS_SOAK else 30)
def test_a_valid_bundle_reads_as_python_osc_reads_it(theirs: OscBundle) -> None:
    assert_same(decode_packet(theirs.dgram), theirs)


@given(st.binary(max_size=96))
@settings(max_examples=500 if IS_SOAK else 30)
def test_any_bytes_are_a_packet_or_refused(data: bytes) -> None:
    for start in (b"", b"/", b"/a\0\0,", b"#bundle\0"):
        try:
            decode_packet(start + data)
        except OscDecodeError:
            pass


def test_a_cached_head_is_used_for_the_same_head_only() -> None:
    """The cache for messages with one float must not match packets that only begin alike."""
    assert decode_packet(encode_reply("/a", 0.5)).args == (0.5,)
    assert decode_packet(encode_reply("/a", 7)) == Message("/a", (7,), "i")
    assert decode_packet(b"/a\0\0,f\0\0\x7f\xc0\x00\x00").args[0] != 0.5
    with pytest.raises(OscDecodeError, match="left over"):
        decode_packet(encode_reply("/a", 0.5) + b"\0\0\0\0")
    with pytest.raises(OscDecodeError, match="ends inside"):
        decode_packet(encode_reply("/a", 0.5)[:-4])


def test_limits_are_exact() -> None:
    sixteen = b"#bundle\0" + struct.pack(">Q", 1)
    for _ in range(15):
        sixteen = encode_bundle(1, [sixteen])
    assert isinstance(decode_packet(sixteen), Bundle)
    with pytest.raises(OscDecodeError, match="nested deeper"):
        decode_packet(encode_bundle(1, [sixteen]))
    blob = bytes(MAX_PACKET_BYTES - 12)
    assert decode_packet(b"/a\0\0,b\0\0" + struct.pack(">i", len(blob)) + blob).args == (blob,)
    with pytest.raises(OscDecodeError, match="at most 262144"):
        decode_packet(b"/a\0\0,b\0\0" + struct.pack(">i", len(blob) + 4) + blob + bytes(4))
    with pytest.raises(OscDecodeError, match="type tags"):
        decode_packet(encode_message("/a", *[True] * 1025))
    with pytest.raises(OscDecodeError, match="elements"):
        decode_packet(encode_bundle(1, [b"/a\0\0"] * 4097))


def test_an_error_line_shows_no_control_characters_of_a_sender() -> None:
    with pytest.raises(OscDecodeError) as refusal:
        decode_packet(b"/\x1b[2J\n\r\0,x\0\0")
    assert str(refusal.value).isprintable()
