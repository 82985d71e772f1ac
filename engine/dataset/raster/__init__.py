"""Draws a scene's geometry with OpenGL, in tiles that fit any GPU. START HERE: `render`,
`bake_ground_texture`.

drawing.py    render(), tile by tile, and the passes of a tile; targets.py: tiles and their
              framebuffers
terrain_mesh.py  the terrain's mesh in chunks; things.py: all batches; marks.py: tracks, lime,
                 contact shade
shadow.py     two maps along the sun's rays
view.py       the uniform block that every shader reads, and the looks of the ground
plan.py       bake_ground_texture(): the ground from straight above, unlit
device.py     the GL context and its resources
"""
