"""OSC on the wire, and nothing else: bytes to values, values to bytes. No sockets, no threads, no parameters.

Start with `decode.py`; `encode.py` is its mirror, `framing.py` cuts a TCP stream into packets, `time_tag.py`
reads time tags.
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
