"""Ableton Link: follows the tempo and beat of a session on the local network, through a process of
its own.

Start with `follower.py` (the engine's end). `program.py` is the process: it alone imports the
library.
"""
