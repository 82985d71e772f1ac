"""Generates shaders that try to hang, crash or fill the machine: one for each number, always the
same.

Some wait until they play: what a trial of a few pictures at TIME 0 to 2.5 sees of them is harmless.
"""

import json
import random
from typing import Any


def hostile_shader(number: int) -> str:
    """The text of hostile shader `number`; the kinds repeat with other figures."""
    return _KINDS[number % len(_KINDS)](random.Random(number))


def slow_to_compile() -> str:
    """A text that drivers compile for minutes: each function calls the one before it twice."""
    functions = "float f0(float x) { return sin(x) + fract(x * 7.0); }\n" + "".join(
        f"float f{n}(float x) {{ return f{n - 1}(x) + f{n - 1}(x + 1.0); }}\n" for n in range(1, 16)
    )
    return _file(functions + _main("c = f15(isf_FragNormCoord.x + TIME);"))


def _file(body: str, **header: Any) -> str:
    return f"/*{json.dumps(header)}*/\n{body}\n"


def _main(body: str) -> str:
    return (
        f"void main() {{ float c = 0.0; {body} gl_FragColor = vec4(fract(c), "
        "isf_FragNormCoord, 1.0); }"
    )


def _endless(rng: random.Random) -> str:
    loops = [
        "while (true) { c += TIME; }",
        "for (;;) { c += 0.1; }",
        "do { c += 0.1; } while (c > -1.0);",
    ]
    return _file(_main(rng.choice(loops)))


def _long(rng: random.Random) -> str:
    return _file(
        _main(f"for (int i = 0; i < {10 ** rng.randint(6, 9)}; i++) {{ c += sin(c + float(i)); }}")
    )


def _nested_calls(rng: random.Random) -> str:
    depth = rng.randint(3, 5)
    functions = "float f0(float x) { return sin(x); }\n" + "".join(
        f"float f{n}(float x) {{ for (int i = 0; i < 900; i++) x += f{n - 1}(x); return x; }}\n"
        for n in range(1, depth + 1)
    )
    return _file(functions + _main(f"c = f{depth}(isf_FragNormCoord.x);"))


def _slider_loop(rng: random.Random) -> str:
    inputs = [{"NAME": "n", "TYPE": "float", "DEFAULT": 1, "MAX": 10 ** rng.randint(6, 9)}]
    return _file(_main("for (float i = 0.0; i < n; i += 1.0) { c += cos(i + c); }"), INPUTS=inputs)


def _giant_target(rng: random.Random) -> str:
    side = rng.choice([16384, 32768, 10**9, "$WIDTH * 1000", "9 ^ 99"])
    return _file(
        _main(""),
        PASSES=[{"TARGET": "a", "WIDTH": str(side), "HEIGHT": str(side), "FLOAT": True}, {}],
    )


def _many_targets(rng: random.Random) -> str:
    count = rng.randint(20, 64)
    passes = [
        {"TARGET": f"t{n}", "WIDTH": 8000, "HEIGHT": 8000, "PERSISTENT": True} for n in range(count)
    ]
    return _file(_main(""), PASSES=passes)


def _broken_json(rng: random.Random) -> str:
    text = _file(_main(""), INPUTS=[{"NAME": "a", "TYPE": "float"}])
    cut = rng.randint(1, 40)
    return text[:cut] + text[cut + rng.randint(1, 9) :]


def _deep_json(rng: random.Random) -> str:
    return "/*{" + '"a": ' + "[" * rng.randint(2000, 60_000) + "*/ void main() {}"


def _nul(rng: random.Random) -> str:
    text = _file(_main(""))
    index = rng.randrange(len(text))
    return text[:index] + "\0" + text[index:]


def _ten_megabytes(rng: random.Random) -> str:
    return _file(_main("c += 0.1;" * (10_000_000 // 9)))


def _deep_brackets(rng: random.Random) -> str:
    depth = rng.randint(101, 20_000)
    return _file(_main(f"c = {'(' * depth}1.0{')' * depth};"))


def _macro_bomb(rng: random.Random) -> str:
    levels = rng.randint(12, 30)
    macros = "#define M0 c += 0.1;\n" + "".join(
        f"#define M{n} M{n - 1} M{n - 1} M{n - 1}\n" for n in range(1, levels)
    )
    return _file(macros + _main(f"M{levels - 1}"))


def _noise(rng: random.Random) -> str:
    tokens = (
        "float vec4 ( ) { } ; = + gl_FragColor while for 1.0 # define uniform "
        "\\ \" ' $ @ / * IMG_PIXEL [ ] é"
    )
    return _file(_main(" ".join(rng.choices(tokens.split(), k=rng.randint(5, 400)))))


def _giant_array(rng: random.Random) -> str:
    size = 10 ** rng.randint(5, 9)
    return _file(f"float a[{size}];\n" + _main(f"a[int(TIME)] = 1.0; c = a[{size // 2}];"))


def _recursion(rng: random.Random) -> str:
    return _file(
        "float f(float x); float f(float x) { return f(x + 1.0); }\n" + _main("c = f(0.0);")
    )


def _wild_inputs(rng: random.Random) -> str:
    entry = {
        "NAME": rng.choice(["a", "", "gl_a", 7, "a;", "x" * 99]),
        "TYPE": rng.choice(["float", "long", "color", 3]),
    }
    entry |= {
        key: rng.choice([1e308, "NaN", [], {}, None, -1, "x"])
        for key in ("DEFAULT", "MIN", "MAX", "VALUES")
    }
    return _file(_main(""), INPUTS=[entry])


def _late_calls(rng: random.Random) -> str:
    """Nothing in it looks long, and no trial sees it."""
    functions = "float f0(float x) { return sin(x); }\n" + "".join(
        f"float f{n}(float x) {{ for (int i = 0; i < 1000; i++) x += f{n - 1}(x); return x; }}\n"
        for n in range(1, 4)
    )
    when = rng.choice(["TIME > 0.2", "FRAMEINDEX > 6", "mod(DATE.w, 2.0) < 1.0"])
    passes = [{"TARGET": f"t{n}", "PERSISTENT": True} for n in range(rng.randint(0, 20))]
    return _file(
        functions + _main(f"if ({when}) {{ c = f3(isf_FragNormCoord.x); }}"), PASSES=[*passes, {}]
    )


def _slow_header(rng: random.Random) -> str:
    return "/*{" + rng.choice(['\\"', '"', ",   ", "/* {", '"a": [']) * 50_000


def _hidden_loops(rng: random.Random) -> str:
    loops = [
        "J(whi, le) (c > -1.0) c += 0.1;",
        "wh\\\nile (c > -1.0) c += 0.1;",
        "while (A B c > -1.0 B A true) c += 0.1;",
        "for (int i = 0; i < 8; i++) zero(i);",
        "while (c > -1.0) { isf_spent = 0; c += 0.1; }",
        "for (float i = 16777216.0; i < 16777226.0; i += 1.0) c += 0.1;",
    ]
    macros = "#define J(a, b) a##b\n#define A /\n#define B *\n#define isf_go(units) true\n"
    functions = "void zero(inout int i) { i = 0; }\n"
    return _file(macros + functions + _main(f"if (TIME > 0.2) {{ {rng.choice(loops)} }}"))


def _late_doubling(rng: random.Random) -> str:
    """No loop: each function calls the one before twice, 2^26 sines."""
    code = "float d0(float x) { return sin(x) + TIME * 1e-6; }\n"
    code += "".join(
        f"float d{n}(float x) {{ return d{n - 1}(x) + d{n - 1}(x + 0.1); }}\n" for n in range(1, 27)
    )
    return _file(code + _main(f"if ({_LATE}) c = d26(c);"))


def _late_passes(rng: random.Random) -> str:
    """32 passes of the picture's size, each with what one pass may just do."""
    passes = [{"TARGET": f"p{n}", "FLOAT": True, "PERSISTENT": True} for n in range(31)]
    body = (
        "for (int i = 0; i < 1000; i++) c += IMG_NORM_PIXEL(p0, vec2(fract(c), fract(c * 7.0 + "
        "float(i) * 0.01))).r;"
    )
    return _file(_main(f"if (DATE.w > 0.0 && ({_LATE})) {{ {body} }}"), PASSES=[*passes, {}])


def _memory_of_the_last_picture(rng: random.Random) -> str:
    """The number of rounds is read from the picture before, which grows."""
    body = (
        "float n = IMG_NORM_PIXEL(memory, vec2(0.5)).r; int rounds = int(n * n * n);"
        "do { c = fract(c + 0.1); rounds--; } while (rounds > 0);"
        "if (PASSINDEX == 0) { gl_FragColor = vec4(n * 1.02 + 1.0); return; }"
    )
    return _file(_main(body), PASSES=[{"TARGET": "memory", "FLOAT": True, "PERSISTENT": True}, {}])


def _late_nan(rng: random.Random) -> str:
    """A loop with NaN in its condition."""
    body = (
        "float nan = TIME > 8.0 ? 0.0 / (TIME - TIME) : 1.0;for (float x = 0.0; !(x > nan); x "
        "+= 1.0) c = fract(c + x);"
    )
    return _file(_main(body))


def _images(rng: random.Random) -> str:
    """One picture of 4096 x 4096, which lies beside it, with sixteen names."""
    imported = {
        f"i{n}": {"PATH": "large.png" if n % 2 else f"./././{'./' * n}large.png"} for n in range(16)
    }
    return _file(_main("c += IMG_NORM_PIXEL(i0, vec2(c)).r;"), IMPORTED=imported)


_LATE = "TIME > 8.0 || FRAMEINDEX > 240"
_KINDS = [
    _endless,
    _broken_json,
    _giant_target,
    _nul,
    _long,
    _deep_json,
    _macro_bomb,
    _wild_inputs,
    _slider_loop,
    _many_targets,
    _deep_brackets,
    _noise,
    _ten_megabytes,
    _nested_calls,
    _recursion,
    _giant_array,
    _late_calls,
    _slow_header,
    _hidden_loops,
    _late_doubling,
    _late_passes,
    _memory_of_the_last_picture,
    _late_nan,
    _images,
]
KINDS = len(_KINDS)
