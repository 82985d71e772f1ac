"""How much work the words of GLSL are, in units of about one operation on a vector of four.

Measured on a software rasteriser, and rounded up: a texture read takes as long as some fifty additions there. On a GPU
all of them are nearer to each other. `speed.py` measures the unit on each machine with the dearest kinds of work.
"""

from collections.abc import Mapping
from typing import Final

DEFAULT_CALL: Final = 2  # constructors, min, max
SIGNS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("+", "-", "<", ">", "<=", ">=", "==", "!=", "&", "|", "^", "!", "~", "?", ","), 1),
    **dict.fromkeys(("<<", ">>", "&&", "||", "^^", "++", "--", "+=", "-=", "&=", "|=", "^="), 1),
    "/": 4, "/=": 4, "%": 8, "%=": 8, "[": 8,
}  # fmt: skip
OUT_BUILTINS: Final = frozenset("modf frexp uaddCarry usubBorrow umulExtended imulExtended".split())

_TEXTURE: Final = """texture textureLod textureProj textureOffset texelFetch textureGrad textureProjLod textureGather
    texture2D texture2DLod texture2DProj texture2DRect texture2DRectProj texelFetchOffset textureLodOffset
    textureProjOffset textureGradOffset textureProjGrad textureProjGradOffset textureProjLodOffset textureGatherOffset
    textureGatherOffsets IMG_NORM_PIXEL IMG_PIXEL IMG_THIS_PIXEL IMG_THIS_NORM_PIXEL""".split()
_DEAR: Final = """sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh pow exp exp2 log log2 fma noise1 noise2
    noise3 noise4 modf frexp ldexp""".split()
_ROOTS: Final = """sqrt inversesqrt length distance normalize reflect refract faceforward mod smoothstep dot
    cross""".split()

BUILTIN: Final[Mapping[str, int]] = {
    **dict.fromkeys(_TEXTURE, 64),
    **dict.fromkeys(_DEAR, 32),
    **dict.fromkeys(_ROOTS, 8),
    **dict.fromkeys(("inverse", "determinant", "outerProduct", "transpose", "matrixCompMult"), 96),
}
