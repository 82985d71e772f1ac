"""Live Stable Diffusion. link.py is the engine's end, loop.py the child's.

entry.py                 the entry in the table of live models
conditions.py, spec.py   values that the configuration allows, and the model to load
settings.py, source.py   parameters and source pictures, prepared for the child
painter.py, plan.py      painting with the model and the settings
"""
