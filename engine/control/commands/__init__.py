"""OSC commands, one file per subject: show, preset, cue, mapping, child, camera; `show.py` also has the engine's status."""
