"""Encodes and decodes OSC packets. No sockets, no threads, no parameters.

Start with `decode.py`; `encode.py` is the reverse, `framing.py` splits a TCP stream into packets, `time_tag.py`
converts time tags.
"""

from engine.osc.decode import Bundle, Impulse, Message, Midi, Rgba, TimeTag, decode_packet
from engine.osc.encode import encode_bundle, encode_message, encode_reply

__all__ = [
    "Bundle",
    "Impulse",
    "Message",
    "Midi",
    "Rgba",
    "TimeTag",
    "decode_packet",
    "encode_bundle",
    "encode_message",
    "encode_reply",
]
