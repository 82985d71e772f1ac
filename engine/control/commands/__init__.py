"""OSC commands, one file per subject: show (with the engine's status), preset, cue, mapping, child, camera."""
