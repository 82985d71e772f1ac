"""OSC commands, one file per subject: show, preset, cue, mapping, child, camera; `status.py` is the engine's status."""
