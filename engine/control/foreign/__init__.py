"""Messages that are not ours: MIDI through a bridge, addresses of other programs, mistakes.

`messages.py` recognises and translates them, `unmapped.py` lists and explains what nothing is mapped to,
`midi_bridges.py` reads and writes MIDI as the bridges send and take it.
"""
