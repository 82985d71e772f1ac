"""Shaders of the Interactive Shader Format (https://docs.isf.video): a JSON header and GLSL 1.20,
drawn in GLSL 3.30.

In the vetting process, the only one that looks into a file of others:
parse.py        the header: inputs, passes, images        -> IsfFile
preprocess.py   macros and conditions
loops.py        bounds the work of a pixel
translate.py    GLSL 3.30                                 -> ShaderTexts
trial.py        compiles it, draws it, measures it

In the engine, which takes the result:
vetter.py       the process
vet_record.py   results on the disk
program.py      compiles and draws one shader with OpenGL
gl_slots.py     the generator and the four effects of a picture

Importing this package loads neither moderngl nor any other library of the GPU.
"""
