"""Reads shaders from `shaders/` and resolves includes, so that compiler messages still name file
and line."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import moderngl

from engine.errors import RenderError

FOLDER = Path(__file__).parent / "shaders"
WHOLE_TARGET = "fullscreen"

_INCLUDE = re.compile(r'^#include "(?P<name>\w+\.glsl)"$')
_VERSION = "#version 330 core"
# Mesa writes 2:14(3): error, NVIDIA and AMD 2(14) : error, Apple ERROR: 2:14: error; 2 is the file
# number of #line.
_LOCATION = re.compile(r"^(?P<lead>(?:ERROR: )?)(?P<file>\d+)(?P<mark>[:(])", re.MULTILINE)


def read_shader(
    name: str, defines: tuple[str, ...] = (), *, folder: Path | None = None
) -> tuple[str, list[str]]:
    """Return the text of `<name>.glsl` with includes, and the file names for its `#line`
    numbers."""
    files: list[str] = []
    lines = _lines_of(folder or FOLDER, f"{name}.glsl", files)
    start = lines.index(_VERSION) + 1
    lines[start:start] = [f"#define {define}" for define in defines] + [f"#line {start + 1} 0"]
    return "\n".join(lines) + "\n", files


def _lines_of(folder: Path, file: str, files: list[str]) -> list[str]:
    number = len(files)
    files.append(file)
    lines: list[str] = []
    for line_number, (line, include) in enumerate(_read(folder / file), 1):
        if include is None:
            lines.append(line)
        else:
            lines += [f"#line 1 {len(files)}", *_lines_of(folder, include, files)]
            lines.append(f"#line {line_number + 1} {number}")
    return lines


@cache  # a renderer reads the same 23 files 450 times at startup
def _read(path: Path) -> list[tuple[str, str | None]]:
    """Return each line, with the name of the file that it includes."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return [
        (line, include["name"] if (include := _INCLUDE.match(line)) else None) for line in lines
    ]


def compile_program(
    context: moderngl.Context,
    name: str,
    defines: tuple[str, ...] = (),
    *,
    vertex: str = WHOLE_TARGET,
    folder: Path | None = None,
) -> moderngl.Program:
    """Compile `<name>.glsl`, by default over the whole target (3 vertices). RenderError with file
    and line. `folder` contains this shader and the vertex shader, unless that is the default."""
    text, files = read_shader(name, defines, folder=folder)
    vertex_folder = None if vertex == WHOLE_TARGET else folder
    try:
        return context.program(
            vertex_shader=read_shader(vertex, folder=vertex_folder)[0], fragment_shader=text
        )
    except moderngl.Error as error:
        raise RenderError(
            f"the GL driver rejects shader {name}: {name_files(str(error), files)}"
        ) from error


class Pass:
    """A shader program that draws over a whole target. Render thread, context current."""

    def __init__(
        self, context: moderngl.Context, name: str, defines: tuple[str, ...] = (), **units: int
    ) -> None:
        """Compile `<name>.glsl`. units: Texture unit by sampler; samplers that the compiler removed
        are skipped."""
        self.program = compile_program(context, name, defines)
        self._vertices = context.vertex_array(self.program, [])
        for sampler, unit in units.items():
            if sampler in self.program:
                self.program[sampler] = unit

    def __setitem__(self, uniform: str, value: Any) -> None:
        self.program[uniform] = value

    def draw(self, into: moderngl.Framebuffer) -> None:
        into.use()
        self._vertices.render(moderngl.TRIANGLES, vertices=3)

    def release(self) -> None:
        self.program.release()
        self._vertices.release()


def uniform(program: moderngl.Program, name: str) -> moderngl.Uniform:
    """Return a uniform of the program. Scalars are set with `program[name] = ...`; arrays need
    `write`."""
    member = program[name]
    assert isinstance(member, moderngl.Uniform)
    return member


def name_files(message: str, files: list[str]) -> str:
    """Return a compiler's message in one line, with file names instead of the numbers from
    `#line`."""

    def named(location: re.Match[str]) -> str:
        number = int(location["file"])
        file = files[number] if number < len(files) else location["file"]
        return f"{location['lead']}{file}{location['mark']}"

    complaints = [line.strip() for line in _LOCATION.sub(named, message).splitlines()]
    return "; ".join(line for line in complaints if line.strip("=") and not line.isidentifier())
