"""Foreign messages: MIDI through a bridge, addresses of other programs, mistakes.

`messages.py` recognises and translates them, `unmapped.py` lists unmapped ones and explains
mistakes, `midi_bridges.py` reads and writes MIDI in the form of the bridges.
"""
