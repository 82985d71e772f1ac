"""Sound in, features out: device capture, files and the demo loop, with one common analysis.

Start with `open_audio` (open.py), which returns an `AudioInput` (input.py). The path of a sample:

    device.py, or playlist.py (file.py) and demo.py through feed.py, one at a time (chosen.py), fill
    ring.py
    ring.py      is read hop by hop by ltc.py and analyser.py
    ltc.py       reads and removes timecode
    analyser.py  calls layout.py, levels.py (gain and envelope), window.py (the waves that are
                 drawn), spectrum.py with pitch.py and onset.py, beat.py with beat_states.py and
                 drums.py
"""
