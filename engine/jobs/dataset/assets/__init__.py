"""Models of the user's: `--asset NAME=FILE`. START HERE: `read_model`.

naming.py    the option's text
reading.py   a file as meshes by colour, in metres, z up
glb.py       what a glTF file says about itself, before anything is decoded
files.py     the file and those that it names, with their hash
colors.py    a colour per face from materials, textures, vertices
solids.py    triangles: welded, turned outside, shaded
"""
