"""Puts a translated text between the frame that `shaders/` holds for it: what ISF declares by itself, and the end."""

from functools import cache
from pathlib import Path
from typing import Final

from engine.render.isf.isf_file import FRAGMENT_FILE, VERTEX_FILE

FOLDER: Final = Path(__file__).parent / "shaders"
PLAIN_VERTEX: Final = "void isf_main() { isf_vertShaderInit(); }"


def fragment_text(declared: str, body: str) -> str:
    """The fragment shader. `declared`: its inputs; `body`: the author's text, with the function isf_main."""
    common = _part("common") + declared
    return f"{_part('fragment_begin')}{common}{_part('fragment')}#line 1 {FRAGMENT_FILE}\n{body}{_part('fragment_end')}"


def vertex_text(declared: str, body: str) -> str:
    """The vertex shader, likewise."""
    common = _part("common") + declared
    return f"{_part('vertex_begin')}{common}{_part('vertex')}#line 1 {VERTEX_FILE}\n{body}{_part('vertex_end')}"


@cache
def _part(name: str) -> str:
    return (FOLDER / f"{name}.glsl").read_text(encoding="utf-8")
