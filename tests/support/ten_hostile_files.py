"""Ten shader files that look like a stranger's and each try to stop the picture, in a different way.

Most wait until they play: what a trial of a few pictures at TIME 0 to 2.5 sees of them is harmless.
"""

import io
import json
from pathlib import Path

from PIL import Image

LATE = "TIME > 8.0 || FRAMEINDEX > 240"

_BODY = "gl_FragColor = vec4(fract(c), isf_FragNormCoord, 1.0);"


def _file(code: str, **header: object) -> str:
    return f"/*{json.dumps({'ISFVSN': '2', **header})}*/\n{code}\n"


def _main(body: str) -> str:
    return f"void main() {{ float c = isf_FragNormCoord.x; {body} {_BODY} }}"


def _redefined_guard() -> str:
    """The names of a loop guard, switched off; the loop itself is behind a macro."""
    macros = "#define isf_go() true\n#define isf_steps c\n#define AGAIN(x) while (x)\n"
    return _file(
        macros + _main(f"if ({LATE}) {{ AGAIN(true) {{ c += 0.001; isf_steps = 0.0; if (c < -1.0) break; }} }}")
    )


def _calls_that_multiply() -> str:
    """Constant loops of 1000 in functions that call each other."""
    inner = "float f0(float x) { for (int i = 0; i < 1000; i++) x = sin(x + 0.1); return x; }\n"
    outer = "".join(
        f"float f{n}(float x) {{ for (int i = 0; i < 1000; i++) x += f{n - 1}(x); return x; }}\n" for n in (1, 2, 3)
    )
    return _file(inner + outer + _main(f"if ({LATE}) c = f3(c);"))


def _pasted_and_continued() -> str:
    """`while` pasted from two halves, and one that a line continuation cuts."""
    code = "#define GLUE(a, b) a ## b\n"
    pasted = "GLUE(whi, le) (c < 1e9) { c = fract(c + 0.01); }"
    continued = "whi\\\nle (c > -1.0) { c = fract(c + 0.01); }"
    return _file(code + _main(f"if ({LATE}) {{ if (c < 0.5) {{ {pasted} }} {continued} }}"))


def _doubling_calls() -> str:
    """No loop: each function calls the one before twice, 2^26 sines."""
    code = "float d0(float x) { return sin(x) + TIME * 1e-6; }\n"
    code += "".join(f"float d{n}(float x) {{ return d{n - 1}(x) + d{n - 1}(x + 0.1); }}\n" for n in range(1, 27))
    return _file(code + _main(f"if ({LATE}) c = d26(c);"))


def _many_heavy_passes() -> str:
    """32 passes of the picture's size, each with what one pass may just do."""
    passes = [{"TARGET": f"p{n}", "FLOAT": True, "PERSISTENT": True} for n in range(31)]
    body = "for (int i = 0; i < 1000; i++) c += IMG_NORM_PIXEL(p0, vec2(fract(c), fract(c * 7.0 + float(i) * 0.01))).r;"
    return _file(_main(f"if (DATE.w > 0.0 && ({LATE})) {{ {body} }}"), PASSES=[*passes, {}])


def _slider() -> str:
    """Harmless until a hand moves a slider, and in steps too small to ever arrive."""
    inputs = [{"NAME": "n", "TYPE": "float", "MIN": 1.0, "MAX": 1e9, "DEFAULT": 1.0}]
    return _file(_main("for (float i = 0.0; i < n; i += 1e-4 + 1.0 / n) { c = fract(c + 0.618); }"), INPUTS=inputs)


def _memory_of_the_last_picture() -> str:
    """The number of rounds is read from the picture before, which grows."""
    body = (
        "float n = IMG_NORM_PIXEL(memory, vec2(0.5)).r; int rounds = int(n * n * n);"
        "do { c = fract(c + 0.1); rounds--; } while (rounds > 0);"
        "if (PASSINDEX == 0) { gl_FragColor = vec4(n * 1.02 + 1.0); return; }"
    )
    return _file(_main(body), PASSES=[{"TARGET": "memory", "FLOAT": True, "PERSISTENT": True}, {}])


def _changed_counter() -> str:
    """A short loop whose counter a function sets back, and one with NaN in its condition."""
    code = f"void back(inout int i) {{ if ({LATE}) i = 0; }}\n"
    body = (
        "for (int i = 0; i < 8; i++) { c += 0.1; back(i); }"
        "float nan = TIME > 8.0 ? 0.0 / (TIME - TIME) : 1.0;"
        "for (float x = 0.0; !(x > nan); x += 1.0) c = fract(c + x);"
    )
    return _file(code + _main(body))


def _quotes() -> str:
    """250 kB of escaped quotes where the header should be."""
    return '/*{"DESCRIPTION": ' + '"\\' * 125_000 + "*/ void main() {}"


def _images() -> str:
    """One PNG of 4096 x 4096 named sixteen times, and sixteen names for it."""
    imported = {f"i{n}": {"PATH": "large.png" if n % 2 else f"./././{'./' * n}large.png"} for n in range(16)}
    return _file(_main("c += IMG_NORM_PIXEL(i0, vec2(c)).r;"), IMPORTED=imported)


FILES = {
    "Redefined": _redefined_guard,
    "Multiplied": _calls_that_multiply,
    "Pasted": _pasted_and_continued,
    "Doubling": _doubling_calls,
    "Passes": _many_heavy_passes,
    "Slider": _slider,
    "Memory": _memory_of_the_last_picture,
    "Counter": _changed_counter,
    "Quotes": _quotes,
    "Images": _images,
}


def write_files(folder: Path) -> None:
    stream = io.BytesIO()
    Image.new("RGB", (4096, 4096), (200, 30, 90)).save(stream, "PNG")
    (folder / "large.png").write_bytes(stream.getvalue())
    for name, text in FILES.items():
        (folder / f"{name}.fs").write_text(text(), encoding="utf-8")
