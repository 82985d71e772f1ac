"""Live Stable Diffusion. link.py is the engine's end, loop.py the child's.

entry.py                 the entry for the table of live models
conditions.py, spec.py   the values that the configuration allows, and the model that it names
settings.py, source.py   parameters and pictures as the child uses them
painter.py, plan.py      the model, and how it paints with the settings
"""
