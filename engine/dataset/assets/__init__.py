"""Models of the user's: `--asset NAME=FILE`. START HERE: `read_model`.

naming.py    the option's text
reading.py   a file as meshes by colour, in metres, z up
files.py     the file and those that it names, with their hash; what it says about itself, before
             anything is decoded
colors.py    a colour per face from materials, textures, vertices
"""
