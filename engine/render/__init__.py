"""The Multiverse picture, drawn by OpenGL or by Numba to the same formula.

    renderer = open_renderer("auto", 1280, 720)
    look = Look.from_values(values)     # address -> value, once per frame
    renderer.draw(PictureInput(look=look, waves=..., features=..., layer5=None, region=None,
    time_s=0.0)) renderer.wait()
    rgba = renderer.read_rgba()         # (720, 1280, 4) uint8, row 0 at the top

Start reading at `picture.py` (the input), then `look.py`, `frame_block.py`,
`shaders/multiverse.glsl`, `gl_renderer.py`. See `masks.py` for masks of found objects and
`flash_guard.py` for the limit on flashes. Importing this package loads neither moderngl nor numba
nor OpenCV.
"""
