"""Live Stable Diffusion. link.py is the engine's end, loop.py the child's.

conditions.py, spec.py   what the configuration allows and which model it names
settings.py, source.py   parameters and pictures as the child uses them
painter.py, plan.py      the model with everything that follows from the settings
"""
