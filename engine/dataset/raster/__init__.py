"""Draws a stage with OpenGL, in tiles that fit any GPU. START HERE: `render(stage)`, `bake_ground(stage, side_px)`.

drawing.py    render(), tile by tile, and the passes of a tile; targets.py: tiles and their framebuffers
ground.py     the terrain's mesh in chunks; things.py: all batches; marks.py: tracks, lime, contact shade
shadow.py     two maps along the sun's rays
view.py       the uniform block that every shader reads, and the looks of the ground
plan.py       bake_ground(): the ground from straight above, unlit
device.py     the GL context and its resources
"""
