"""Live Stable Diffusion. link.py is the engine's end, loop.py the child's.

entry.py                 its configuration, options and conditions
settings.py              the parameters as the child uses them
painter.py               painting with the model and the settings
control_images.py        what ControlNets see
"""
