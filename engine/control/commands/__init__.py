"""Commands over OSC, one file a subject: show, preset, cue, mapping, child, camera; status.py is what is told."""
