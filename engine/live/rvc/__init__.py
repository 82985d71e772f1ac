"""Live voice conversion. link.py is the engine's end, loop.py the child's.

entry.py  the entry for the table of live models; voice.py  the model as the frame loop sees it
desk.py   takes the voice in, has it converted and mixes the output; delay.py and mix.py are its arithmetic
"""
