"""Translates an ISF shader, GLSL 1.20 with ISF's own names, to GLSL 3.30 core.

Only names are replaced, by tokens: macros, `#if` and line numbers stay the author's, so the compiler's messages name
the file's own lines. What the names mean is written in front as functions (`shaders/` in this folder).

Row order: our textures have row 0 at the top, ISF's coordinates begin at the bottom left. Every texture of a shader is
kept our way, its own targets too, and everything that names a place is turned over: `gl_Position.y` at the end of the
vertex shader, `gl_FragCoord.y`, the y of each texture read, and the sign of `dFdy`. So no picture is ever copied to
flip it, also where a shader hands a sampler to a function.

#line puts file number 0 (fragment) or 1 (vertex) before each line of the author.
"""

import re
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Final
from weakref import WeakKeyDictionary

from engine.errors import IsfError
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.loops import guard_loops
from engine.render.isf.tokens import after_blank, is_blank, split_tokens

FOLDER: Final = Path(__file__).parent / "shaders"
FRAGMENT_FILE, VERTEX_FILE = 0, 1
MAX_ARRAY: Final = 4096

_RENAMED: Final = {
    "gl_FragColor": "isf_FragColor",
    "gl_FragCoord": "isf_FragCoord",
    "vv_FragNormCoord": "isf_FragNormCoord",
    "vv_vertShaderInit": "isf_vertShaderInit",
    "texture2D": "isf_texture",
    "texture2DLod": "isf_textureLod",
    "texture2DProj": "isf_textureProj",
    "texture2DRect": "IMG_PIXEL",
    "texture2DRectProj": "isf_textureRectProj",
    "sampler2DRect": "sampler2D",
    "dFdy": "isf_dFdy",
    "gl_Vertex": "isf_Vertex",
    "gl_MultiTexCoord0": "isf_Vertex01",
    "ftransform": "isf_ftransform",
}
# Functions of GLSL 1.30 and later, as calls only: a file may use the names for its own variables.
_RENAMED_CALLS: Final = {
    "main": "isf_main",
    "texture": "isf_texture",
    "textureLod": "isf_textureLod",
    "textureProj": "isf_textureProj",
    "texelFetch": "isf_texelFetch",
}
# Words that GLSL 3.30 or a later version keeps for itself, and 1.20 leaves to the author: renamed everywhere.
_NEW_WORDS: Final = frozenset(
    """common partition active superp filter sample patch precise subroutine resource coherent volatile restrict
    readonly writeonly buffer shared row_major""".split()
)
# Renamed only where the author declares them as names: they may also stand for what they mean in 3.30.
_NEW_KEYWORDS: Final = frozenset("smooth flat noperspective layout switch case default uint uvec2 uvec3 uvec4".split())
_DECLARING: Final = re.compile(r"(float|int|bool|[bi]?vec[234]|mat[234])\Z")
_TYPES: Final = {"float": "float", "long": "int", "bool": "bool", "event": "bool", "point2D": "vec2", "color": "vec4"}
_AUTOMATIC: Final = frozenset(
    "PASSINDEX RENDERSIZE TIME TIMEDELTA DATE FRAMEINDEX isf_FragNormCoord vv_FragNormCoord".split()
)
_DROPPED_DIRECTIVES: Final = ("version", "extension", "line")
_STORAGE: Final = ("uniform", "varying", "attribute", "in", "out")


@dataclass(frozen=True, slots=True, kw_only=True)
class ShaderTexts:
    """Texts for the compiler; one program draws all passes."""

    vertex: str
    fragment: str
    names: dict[str, str]
    """The name in GLSL of each input, target and imported image."""


_translated: "WeakKeyDictionary[IsfFile, ShaderTexts]" = WeakKeyDictionary()


def translate(file: IsfFile) -> ShaderTexts:
    """The shader in GLSL 3.30 core. IsfError with the line. Kept as long as the file: the second call is free.

    5 ms for a file of 20 KB, so call it first on another thread than the frame loop's.
    """
    texts = _translated.get(file)
    if texts is None:
        texts = _translated.setdefault(file, _translate(file))
    return texts


def _translate(file: IsfFile) -> ShaderTexts:
    names = _glsl_names(file)
    declared = _declarations(file, names)
    fragment = _body(file.fragment, names, storage={"varying": "in", "attribute": "in"})
    if "isf_main" not in fragment:
        raise IsfError("the shader has no function main()")
    vertex = _body(file.vertex or "void main() { isf_vertShaderInit(); }", names, {"varying": "out", "attribute": "in"})
    if "isf_main" not in vertex:
        raise IsfError("the vertex shader has no function main()")
    common = _part("common") + declared
    return ShaderTexts(
        vertex="".join(
            (_part("vertex_begin"), common, _part("vertex"), f"#line 1 {VERTEX_FILE}\n", *vertex, _part("vertex_end"))
        ),
        fragment="".join(
            (
                _part("fragment_begin"),
                common,
                _part("fragment"),
                f"#line 1 {FRAGMENT_FILE}\n",
                *fragment,
                _part("fragment_end"),
            )
        ),
        names=names,
    )


@cache
def _part(name: str) -> str:
    return (FOLDER / f"{name}.glsl").read_text(encoding="utf-8")


def _glsl_names(file: IsfFile) -> dict[str, str]:
    """Inputs and targets by their name in GLSL: another one where 3.30 has taken the name."""
    own = [each.name for each in file.inputs] + [each.name for each in file.imports]
    own += [each.target for each in file.passes if each.target is not None]
    return {name: f"isf_own_{name}" if name in _NEW_WORDS | _NEW_KEYWORDS | _reserved() else name for name in own}


@cache
def _reserved() -> frozenset[str]:
    """Words that no input may have as its name in GLSL, and names that the text in front of a shader uses."""
    types = (
        "void bool int float vec2 vec3 vec4 ivec2 ivec3 ivec4 bvec2 bvec3 bvec4 mat2 mat3 mat4 sampler2D input output"
    )
    words = "if else for while do return break continue discard const in out inout uniform varying attribute struct"
    builtins = "texture textureLod textureProj textureSize texelFetch vec2 clamp mix max abs isnan fract sin cos min"
    return frozenset(f"{types} {words} {builtins} main".split())


def _declarations(file: IsfFile, names: dict[str, str]) -> str:
    lines = []
    images = [each.name for each in file.inputs if each.is_image]
    images += [each.name for each in file.imports]
    images += list(dict.fromkeys(each.target for each in file.passes if each.target is not None))
    for each in file.controls:
        lines.append(f"uniform {_TYPES[each.type]} {names[each.name]};")
    for name in images:
        glsl = names[name]
        lines.append(f"uniform sampler2D {glsl};")
        lines.append(f"#define _{name}_imgSize isf_size({glsl})")
        lines.append(f"#define _{name}_imgRect vec4(0.0, 0.0, isf_size({glsl}))")
        lines.append(f"#define _{name}_flip false")
    return "\n".join(lines) + "\n"


def _body(text: str, names: dict[str, str], storage: dict[str, str]) -> list[str]:
    """The author's text as tokens of GLSL 3.30."""
    tokens = guard_loops(split_tokens(text))
    _require_small_arrays(tokens)
    _drop_directives(tokens)
    _drop_declarations(tokens, names)
    renamed = {**_RENAMED, **storage}
    renamed |= {name: glsl for name, glsl in names.items() if name != glsl}
    own_words = _own_words(tokens)
    previous = ""
    for place, token in enumerate(tokens):
        if is_blank(token):
            continue
        if token in _RENAMED_CALLS and token not in names and previous != ".":
            following = after_blank(tokens, place + 1)
            if following < len(tokens) and tokens[following] == "(":
                tokens[place] = _RENAMED_CALLS[token]
        elif token in renamed and previous != ".":
            tokens[place] = renamed[token]
        elif token in own_words and previous != ".":
            tokens[place] = f"isf_own_{token}"
        elif token == "gl_FragData":
            _rename_output(tokens, place)
        previous = token
    return tokens


def _require_small_arrays(tokens: list[str]) -> None:
    """Compilers lay a large array out element by element."""
    line = 1
    for place, token in enumerate(tokens):
        line += token.count("\n")
        if token == "[":
            at = after_blank(tokens, place + 1)
            size = tokens[at] if at < len(tokens) else ""
            if size.isdigit() and (len(size) > 6 or int(size) > MAX_ARRAY):
                raise IsfError(f"an array of {size[:20]} elements: at most {MAX_ARRAY}", line)


def _rename_output(tokens: list[str], place: int) -> None:
    """`gl_FragData[0]` is the colour."""
    tokens[place] = "isf_FragColor"
    opening = after_blank(tokens, place + 1)
    if opening < len(tokens) and tokens[opening] == "[":
        end = tokens.index("]", opening)
        tokens[opening : end + 1] = [""] * (end + 1 - opening)


def _own_words(tokens: list[str]) -> frozenset[str]:
    """The new words that this author uses as names."""
    words = [token for token in tokens if not is_blank(token)]
    declared = {
        word for before, word in pairwise(words) if word in _NEW_KEYWORDS and _DECLARING.match(before) is not None
    }
    return _NEW_WORDS.intersection(words) | declared


def _drop_directives(tokens: list[str]) -> None:
    """Remove #version, #extension and #line: the first two may only stand at the very beginning."""
    for place, token in enumerate(tokens):
        if token != "#":
            continue
        word = after_blank(tokens, place + 1)
        if word < len(tokens) and tokens[word] in _DROPPED_DIRECTIVES:
            at = place
            while at < len(tokens) and "\n" not in tokens[at]:
                tokens[at] = ""
                at += 1


def _drop_declarations(tokens: list[str], names: dict[str, str]) -> None:
    """Remove the author's own declarations of what is declared in front: `uniform float TIME;`."""
    for place, token in enumerate(tokens):
        if token not in _STORAGE:
            continue
        words: list[int] = []
        at = place
        while at < len(tokens) and tokens[at] != ";" and len(words) < 6:
            if not is_blank(tokens[at]):
                words.append(at)
            at += 1
        told = [tokens[each] for each in words]
        if at < len(tokens) and tokens[at] == ";" and 3 <= len(told) <= 4 and told[-1] in _AUTOMATIC | names.keys():
            for each in (*words, at):
                tokens[each] = ""
