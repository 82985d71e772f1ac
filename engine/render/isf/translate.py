"""Translates an ISF shader, GLSL 1.20 with ISF's own names, to GLSL 3.30 core, in the vetting
process.

Macros are expanded (preprocess.py), the work of a pixel is bounded (loops.py), then names are
replaced, by tokens. Line numbers stay the author's, so the compiler's messages name the file's own
lines. The names are defined in front, as functions (`shaders/` in this folder). All names in there
begin with `isf_`; an author's name that does is renamed, so that no file can access the guard of
its loops.

Row order: our textures have row 0 at the top, ISF's coordinates begin at the bottom left. Every
texture of a shader, its own targets included, keeps our order, and every position is flipped:
`gl_Position.y` at the end of the vertex shader, `gl_FragCoord.y`, the y of each texture read, and
the sign of `dFdy`. So no picture is ever copied to flip it, also where a shader hands a sampler to
a function.

#line puts file number 0 (fragment) or 1 (vertex) before each line of the author.
"""

import re
from collections.abc import Iterable
from functools import cache
from itertools import pairwise
from typing import Final

from engine.errors import IsfError
from engine.render.isf.isf_file import IsfInput, IsfPass, ShaderTexts, fragment_text, vertex_text
from engine.render.isf.loops import LoopGuards
from engine.render.isf.preprocess import after_blank, is_blank, join_tokens, preprocess

_PLAIN_VERTEX: Final = "void main() { isf_vertShaderInit(); }"

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
# Keywords of GLSL 3.30 or later that 1.20 allows as names: renamed everywhere.
_NEW_RESERVED: Final = frozenset(
    """common partition active superp filter sample patch precise subroutine resource coherent
    volatile restrict
    readonly writeonly buffer shared row_major""".split()
)
# Renamed only where the author declares them as names: they may also be used with their meaning in
# 3.30.
_NEW_KEYWORDS: Final = frozenset(
    "smooth flat noperspective layout switch case default uint uvec2 uvec3 uvec4".split()
)
_DECLARING: Final = re.compile(r"(float|int|bool|[bi]?vec[234]|mat[234])\Z")
_IMAGE_MACROS: Final = {
    "_imgSize": "isf_size({0})",
    "_imgRect": "vec4(0.0, 0.0, isf_size({0}))",
    "_flip": "false",
}
_TYPES: Final = {
    "float": "float",
    "long": "int",
    "bool": "bool",
    "event": "bool",
    "point2D": "vec2",
    "color": "vec4",
}
_AUTOMATIC: Final = frozenset(
    "PASSINDEX RENDERSIZE TIME TIMEDELTA DATE FRAMEINDEX isf_FragNormCoord vv_FragNormCoord".split()
)
_OURS: Final = "isf_"
# ISF's own names of that kind
_THEIRS: Final = frozenset(("isf_FragNormCoord", "isf_vertShaderInit"))
_STORAGE: Final = ("uniform", "varying", "attribute", "in", "out")


def translate(
    fragment: str,
    vertex: str | None,
    *,
    inputs: tuple[IsfInput, ...],
    passes: tuple[IsfPass, ...],
    images: Iterable[str],
) -> ShaderTexts:
    """Translate a shader to GLSL 3.30 core. images: Names of the imported ones. IsfError with the
    line.

    20 ms for a file of 20 KB; the time grows in proportion to the text, and stops at MAX_TOKENS."""
    images = [*(each.name for each in inputs if each.is_image), *images]
    targets = list(dict.fromkeys(each.target for each in passes if each.target is not None))
    controls = [each for each in inputs if not each.is_image]
    names = _glsl_names([*(each.name for each in controls), *images, *targets])
    declared = _declarations(controls, [*images, *targets], names)
    body, guarded, has_discard = _body(
        fragment, names, storage={"varying": "in", "attribute": "in"}
    )
    if "isf_main" not in body:
        raise IsfError("the shader has no function main()")
    try:
        corners, guarded_corners, _ = _body(
            vertex or _PLAIN_VERTEX, names, {"varying": "out", "attribute": "in"}
        )
    except IsfError as error:
        raise IsfError(f"vertex shader{_at(error.line)}: {error.reason}") from None
    if "isf_main" not in corners:
        raise IsfError("the vertex shader has no function main()")
    return ShaderTexts(
        vertex=vertex_text(declared, join_tokens(guarded_corners.insert_into(corners))),
        fragment=fragment_text(declared, join_tokens(guarded.insert_into(body))),
        names=names,
        straight_units=guarded.straight,
        is_guarded=guarded.is_guarded,
        has_holes=has_discard
        or ("gl_Position" in corners and all(each.points is None for each in passes)),
    )


def _at(line: int | None) -> str:
    return "" if line is None else f", line {line}"


def _glsl_names(own: Iterable[str]) -> dict[str, str]:
    """Map inputs and targets to GLSL names: another one where GLSL 3.30 or our own text uses the
    name."""
    reserved = _NEW_RESERVED | _NEW_KEYWORDS | _reserved()
    return {
        name: f"isf_own_{name}" if name in reserved or name.startswith(_OURS) else name
        for name in own
    }


@cache
def _reserved() -> frozenset[str]:
    """Return keywords that no input may use as its GLSL name, and names that our text in front
    uses."""
    types = (
        "void bool int float vec2 vec3 vec4 ivec2 ivec3 ivec4 bvec2 bvec3 bvec4 mat2 mat3 "
        "mat4 sampler2D input output"
    )
    keywords = (
        "if else for while do return break continue discard const in out inout uniform "
        "varying attribute struct"
    )
    builtins = (
        "texture textureLod textureProj textureSize texelFetch vec2 clamp mix max abs "
        "isnan isinf fract sin cos"
    )
    return frozenset(f"{types} {keywords} {builtins} min mod floor main".split())


def _declarations(
    controls: Iterable[IsfInput], images: Iterable[str], names: dict[str, str]
) -> str:
    lines = [f"uniform {_TYPES[each.type]} {names[each.name]};" for each in controls]
    lines += [f"uniform sampler2D {names[name]};" for name in images]
    return "\n".join(lines) + "\n"


def _body(
    text: str, names: dict[str, str], storage: dict[str, str]
) -> tuple[list[str], LoopGuards, bool]:
    """Return the author's text as tokens of GLSL 3.30, the guards of its loops, and whether it
    discards pixels."""
    tokens = preprocess(text)
    if "#" in tokens or "##" in tokens:
        raise IsfError("# stands where no directive can")
    _drop_declarations(tokens, names)
    guarded = LoopGuards(tokens)
    has_discard = "discard" in tokens
    renamed = {**_RENAMED, **storage}
    renamed |= {name: glsl for name, glsl in names.items() if name != glsl}
    used_keywords = _keywords_used_as_names(tokens)
    previous = ""
    for index, token in enumerate(tokens):
        if is_blank(token):
            continue
        if token in _RENAMED_CALLS and token not in names and previous != ".":
            following = after_blank(tokens, index + 1)
            if following < len(tokens) and tokens[following] == "(":
                tokens[index] = _RENAMED_CALLS[token]
        elif token in renamed and previous != ".":
            tokens[index] = renamed[token]
        elif (token in used_keywords and previous != ".") or (
            token.startswith(_OURS) and token not in _THEIRS
        ):
            tokens[index] = f"isf_own_{token}"
        elif token == "gl_FragData":
            _rename_output(tokens, index)
        elif token.startswith("_") and (size := _image_macro(token, names)) is not None:
            tokens[index] = size
        previous = token
    return tokens, guarded, has_discard


def _image_macro(token: str, names: dict[str, str]) -> str | None:
    """Return the text that ISF hosts define for an image, such as `_inputImage_imgSize`; None for
    another name."""
    for ending, text in _IMAGE_MACROS.items():
        glsl = names.get(token[1 : -len(ending)]) if token.endswith(ending) else None
        if glsl is not None:
            return text.format(glsl)
    return None


def _rename_output(tokens: list[str], index: int) -> None:
    """Replace `gl_FragData[0]` by the output colour."""
    tokens[index] = "isf_FragColor"
    opening = after_blank(tokens, index + 1)
    if opening < len(tokens) and tokens[opening] == "[":
        end = tokens.index("]", opening)  # there is one: brackets match
        tokens[opening : end + 1] = [""] * (end + 1 - opening)


def _keywords_used_as_names(tokens: list[str]) -> frozenset[str]:
    """Return the new keywords that this author uses as names."""
    nonblank = [token for token in tokens if not is_blank(token)]
    declared = {
        token
        for before, token in pairwise(nonblank)
        if token in _NEW_KEYWORDS and _DECLARING.match(before) is not None
    }
    return _NEW_RESERVED.intersection(nonblank) | declared


def _drop_declarations(tokens: list[str], names: dict[str, str]) -> None:
    """Remove the author's own declarations of what is declared in front: `uniform float TIME;`."""
    for start, token in enumerate(tokens):
        if token not in _STORAGE:
            continue
        indices: list[int] = []
        at = start
        while at < len(tokens) and tokens[at] != ";" and len(indices) < 6:
            if not is_blank(tokens[at]):
                indices.append(at)
            at += 1
        parts = [tokens[each] for each in indices]
        if (
            at < len(tokens)
            and tokens[at] == ";"
            and 3 <= len(parts) <= 4
            and parts[-1] in _AUTOMATIC | names.keys()
        ):
            for each in (*indices, at):
                tokens[each] = ""
