"""Live SAM3. link.py is the engine's end, loop.py the child's; outputs.py is what is made of its results."""
