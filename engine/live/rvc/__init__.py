"""Live voice conversion. link.py is the engine's end, loop.py the child's.

desk.py  takes the voice in, has it converted and mixes what is heard; delay.py and mix.py are its arithmetic
"""
