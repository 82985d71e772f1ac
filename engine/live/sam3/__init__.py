"""Live SAM3. link.py is the engine's end, loop.py the child's; outputs.py turns its results into
pictures and OSC."""
