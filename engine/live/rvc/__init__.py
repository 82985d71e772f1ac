"""Live voice conversion. link.py is the engine's end, loop.py the child's.

entry.py     the entry in the table of live models; voice.py  the LiveModel that the frame loop
             calls
pipeline.py  captures the voice, sends it to the child and mixes the output; delay.py and mix.py are
             its arithmetic
"""
