"""Encodes and decodes OSC packets. No sockets, no threads, no parameters.

Start with `decode.py`; `encode.py` is the reverse, `framing.py` splits a TCP stream into packets, `time_tag.py`
converts time tags.
"""
