"""Shaders of the Interactive Shader Format (https://docs.isf.video): a JSON header and GLSL 1.20, drawn in GLSL 3.30.

parse.py        the header: inputs, passes, images        -> IsfFile
translate.py    the GLSL, with bounded loops              -> ShaderTexts
linked.py       the compiler, and its complaints by line
program.py      draws one shader with OpenGL
gl_slots.py     the generator and the four effects of a picture
vetter.py       tries a file in a process of its own first
vet_record.py   keeps the results on the disk

Importing this package loads neither moderngl nor any other library of the GPU.
"""

from engine.render.isf.isf_file import Input, IsfFile, IsfImport, IsfInput, IsfPass, ShaderSlot
from engine.render.isf.parse import parse_isf

__all__ = ["Input", "IsfFile", "IsfImport", "IsfInput", "IsfPass", "ShaderSlot", "parse_isf"]
