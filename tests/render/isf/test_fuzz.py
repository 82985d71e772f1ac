"""Shaders that were damaged at random: only IsfError leaves the reader, in a time that the text's
length bounds."""

import random
import time
from pathlib import Path

from engine.errors import IsfError
from engine.render.isf.isf_file import FOLDER
from engine.render.isf.parse import parse_isf
from tests.support.hostile_shaders import hostile_shader
from tests.support.long_form import IS_SOAK

ROUNDS = 20_000 if IS_SOAK else 500
LETTERS = 240_000 if IS_SOAK else 30_000
MAX_S = LETTERS / 24_000  # of processor time: the longest text that is taken needs a tenth of it
PIECES = r"""
#define #if #endif #else ## \ ( ) [ ] { } ; , . " ' /* */ // for while do if else switch case
default: const int float struct S uniform varying gl_FragData gl_FragData[ gl_FragColor isf_go
isf_spent main void return = ++ -- += < > ? : \x IMG_PIXEL inputImage _inputImage_imgSize 0x7fffffff
1e99 .5 08 "INPUTS": "PASSES": "IMPORTED": "WIDTH": null true -1
""".split()
UNITS = [
    *PIECES,
    "/* {",
    ",  ",
    "# \n",
    "//\n",
    "\\\n",
    "#define a b\n",
    "const int a = 8;",
    "void f(){}",
    "#if 1\n",
]


def damaged(text: str, rng: random.Random) -> str:
    for _ in range(rng.randint(1, 6)):
        start, length = rng.randrange(len(text) + 1), rng.randint(0, 40)
        kind = rng.randrange(5)
        if kind == 0:
            text = text[:start] + text[start + length :]
        elif kind == 1:
            text = text[:start] + rng.choice(PIECES) + text[start:]
        elif kind == 2:
            text = (
                text[:start]
                + text[start : start + length] * rng.randint(2, 30)
                + text[start + length :]
            )
        elif kind == 3:
            text = (
                text[:start]
                + chr(rng.choice([0, 9, 10, 13, 34, 92, 127, 0xE9, 0x2028, 0x1F600]))
                + text[start:]
            )
        else:
            other = rng.randrange(len(text) + 1)
            text = text[: min(start, other)] + text[max(start, other) :] + text[: length * 4]
    return text


def read(text: str, vertex: str | None = None) -> float:
    """Parse a shader and return the processor time; any error but IsfError is raised."""
    began_s = time.process_time()
    try:
        parse_isf(text, path=None, vertex=vertex)
    except IsfError as error:
        assert error.reason and "\n" not in error.reason and len(error.reason) < 1000
    return time.process_time() - began_s


def test_whatever_is_in_a_file_only_a_reason_comes_out() -> None:
    rng = random.Random(38)
    sources = [path.read_text(encoding="utf-8") for path in sorted(Path(FOLDER).glob("*.fs"))]
    sources += [hostile_shader(number) for number in (1, 4, 7, 8, 11, 13, 14, 15)]
    assert len(sources) > 12
    used_s = [
        read(damaged(rng.choice(sources), rng), rng.choice([None, None, "void main() { for"]))
        for _ in range(ROUNDS)
    ]
    assert max(used_s) < MAX_S


def test_no_text_takes_longer_than_its_length_explains() -> None:
    """In the long form a quarter of a megabyte of one piece: what is quadratic takes minutes."""
    for unit in UNITS:
        for before in ["/*{", "/*{}*/ void main() {", "/*{}*/ "]:
            assert read(before + unit * (LETTERS // len(unit))) < MAX_S, unit
