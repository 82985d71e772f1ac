"""Encodes and decodes OSC packets. No sockets, no threads, no parameters.

Start with `decode.py`; `encode.py` is the reverse, `framing.py` splits TCP streams, `time_tag.py`
converts time tags.
"""
