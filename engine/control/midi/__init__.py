"""MIDI ports of this machine, without a bridge.

`parser.py` turns bytes into messages, `messages.py` those into what the map reads, `clock_out.py`
decides which ticks and quarter frames are due (all three pure); `system.py` is the library,
`ports.py` the thread.
"""
