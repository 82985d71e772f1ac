"""Compiles a shader, and names the line of the author's file where a driver refuses it."""

import re
from collections.abc import Mapping
from typing import Final

import moderngl

from engine.errors import IsfError
from engine.render.isf.isf_file import FRAGMENT_FILE, VERTEX_FILE, Input, IsfFile

BENEATH: Final = "isf_beneath"
MAX_REASON_CHARS: Final = 300

# Mesa writes 0:14(3): error, NVIDIA and AMD 0(14) : error, Apple ERROR: 0:14: error; the 0 is the number from #line.
_PLACE = re.compile(
    r"^(?:ERROR: )?(?P<file>\d+)[:(](?P<line>\d+)(?:\(\d+\))?\)?\s*:?\s*(?:error\s*)?:?\s*(?P<reason>.*)"
)


class LinkedProgram:
    """One linked program of a shader, with the texture unit of each image that it reads."""

    def __init__(self, context: moderngl.Context, file: IsfFile) -> None:
        """IsfError with the line of the driver's first complaint."""
        self._program = _compile(context, file)
        self._vertices = context.vertex_array(self._program, [])
        names = file.texts.names
        images = [name for name in names if name not in {each.name for each in file.controls}]
        wanted = {name: names[name] for name in images if names[name] in self._program}
        if BENEATH in self._program:
            wanted[BENEATH] = BENEATH
        most = context.info["GL_MAX_TEXTURE_IMAGE_UNITS"]
        if len(wanted) > most:
            raise IsfError(f"the shader reads {len(wanted)} images: this GPU binds at most {most}")
        self.units = {name: unit for unit, name in enumerate(wanted)}
        """Texture unit by the name in the file."""
        for name, unit in self.units.items():
            self._program[wanted[name]] = unit

    def set(self, uniforms: Mapping[str, Input]) -> None:
        """Set these uniforms; one that the compiler removed is left out."""
        for name, value in uniforms.items():
            if name in self._program:
                self._program[name] = value

    def draw(self) -> None:
        """Draw the strip of four corners."""
        self._vertices.render(moderngl.TRIANGLE_STRIP, vertices=4)

    def release(self) -> None:
        self._vertices.release()
        self._program.release()


def _compile(context: moderngl.Context, file: IsfFile) -> moderngl.Program:
    texts = file.texts
    try:
        return context.program(vertex_shader=texts.vertex, fragment_shader=texts.fragment)
    except moderngl.Error as error:
        raise _explained(str(error)) from error


def _explained(message: str) -> IsfError:
    """The driver's first complaint about the author's text."""
    lines = [line.strip() for line in message.splitlines() if line.strip(" =") and not line.strip().isidentifier()]
    for line in lines:
        place = _PLACE.match(line)
        if place is not None and "warning" not in line:
            reason = place["reason"].strip()[:MAX_REASON_CHARS]
            if int(place["file"]) == VERTEX_FILE:
                return IsfError(f"vertex shader, line {place['line']}: {reason}")
            if int(place["file"]) == FRAGMENT_FILE:
                return IsfError(reason, int(place["line"]))
    told = " ".join(line for line in lines if "warning" not in line and line != "GLSL Compiler failed")
    return IsfError(f"the GL driver rejects the shader: {told[:MAX_REASON_CHARS]}")
