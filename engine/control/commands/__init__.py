"""OSC commands, one file per subject: show, preset, cue, mapping, child, camera; `status.py`: the engine's status."""
