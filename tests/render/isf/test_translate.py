"""GLSL 1.20 with ISF's names becomes GLSL 3.30 that drivers accept, with the same meaning."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import IsfError
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.loops import LoopGuards
from engine.render.isf.preprocess import preprocess

Isf = Callable[..., IsfFile]
Show = Callable[..., np.ndarray]

IMAGE = [{"NAME": "inputImage", "TYPE": "image"}]


def guards(body: str, before: str = "") -> int:
    tokens = preprocess(f"{before}\nvoid main() {{ {body} }}")
    return "".join(LoopGuards(tokens).insert_into(tokens)).count("isf_go(")


def test_every_way_to_read_the_picture_shows_it_upright(isf: Isf, show: Show, f_card: Callable) -> None:
    for body in [
        "gl_FragColor = IMG_THIS_PIXEL(inputImage);",
        "gl_FragColor = IMG_THIS_NORM_PIXEL( inputImage );",
        "gl_FragColor = IMG_NORM_PIXEL (inputImage , isf_FragNormCoord.xy);",
        "gl_FragColor = IMG_PIXEL(inputImage, gl_FragCoord.xy);",
        "gl_FragColor = IMG_PIXEL(inputImage, isf_FragNormCoord * IMG_SIZE(inputImage));",
        "gl_FragColor = texture2D(inputImage, vv_FragNormCoord);",
        "gl_FragColor = texture(inputImage, isf_FragNormCoord);",
        "gl_FragColor = texture2DRect(inputImage, gl_FragCoord.xy);",
        "gl_FragColor = texelFetch(inputImage, ivec2(gl_FragCoord.xy), 0);",
        "gl_FragColor = IMG_PIXEL(inputImage, isf_FragNormCoord * _inputImage_imgRect.zw + _inputImage_imgRect.xy);",
        "gl_FragData[0] = IMG_THIS_PIXEL(inputImage);",
        "gl_FragColor = IMG_NORM_PIXEL(inputImage, mix(vec2(0.0), isf_FragNormCoord, vec2(min(1.0, 2.0))));",
        "#define SAMPLE(i) IMG_THIS_PIXEL(i)\nvoid main() { gl_FragColor = SAMPLE(inputImage); }",
        "vec4 at(sampler2D i, vec2 p) { return texture2D(i, p); }\n"
        "void main() { gl_FragColor = at(inputImage, isf_FragNormCoord); }",
        "#version 120\n#extension GL_ARB_foo : require\nuniform float TIME;\nvarying vec2 vv_FragNormCoord;\n"
        "void main(void) { gl_FragColor = IMG_THIS_PIXEL(inputImage); }",
        "float smooth = 0.0; float active = smooth; float flat(float filter) { return filter; }\n"
        "void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage) + flat(active); }",
        "float round(float a) { return floor(a); }\n"
        "void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage) + round(0.5); }",
        "uint n = 0; float f() { return 0; } void main() { gl_FragColor = IMG_THIS_PIXEL(inputImage) + f(); }",
        "float texture = 0.0; gl_FragColor = IMG_THIS_PIXEL(inputImage) + texture;",
        "// über /* \nvoid main() { gl_FragColor = /* } */ IMG_THIS_PIXEL(inputImage); }",
    ]:
        card = f_card()
        assert np.abs(show(isf(body, IMAGE), card).astype(int) - card).max() <= 1, body


def test_the_driver_names_the_line_of_the_file(isf: Isf, show: Show) -> None:
    with pytest.raises(IsfError) as refused:
        show(isf("\n\nvoid main() {\n  gl_FragColor = nothing;\n}"))
    assert refused.value.line == 5 and "nothing" in refused.value.reason  # the header has the first line


def test_text_without_main_or_that_could_hurt_a_compiler_is_refused(isf: Isf) -> None:
    with pytest.raises(IsfError, match=r"main\(\)"):
        isf("float domain; // main")
    for text in ["void main() {" + "(" * 200, "float ü = 1.0; void main() {}"]:
        with pytest.raises(IsfError) as refused:
            isf(text)
        assert refused.value.line == 2, text


def test_loops_that_may_be_long_are_guarded() -> None:
    for text, count in [
        ("for (int i = 0; i < 8; i++) a();", 0),
        ("for (int i = 0; i < N; ++i) { for (int j = 0; j < N; j += 2) a(); }", 0),
        ("const int N = 256; for (int i = 0; i <= N; i++) { for (int j = 0; j < N; j++) a(); }", 1),
        ("for (float x = -1.0; x <= 1.0; x += 0.1) a();", 0),
        ("for (int i = 9; i > 0; i--) a();", 0),
        ("for (int i = 0; i < 1000000000; i++) a();", 1),
        ("for (int i = 0; i < n; i++) a();", 1),
        ("for (int i = 0; i < 8; i--) a();", 1),
        ("for (int i = 0; i < 8; i++) { i = 0; }", 1),
        ("for (int i = 0; i < 8; i++) i--;", 1),
        ("for (;;) a();", 1),
        ("while (true) a();", 1),
        ("do { a(); } while (b);", 1),
        ("for (int i = 0; i < 8; i++) while (b) a();", 1),
        ("for (int i = 0; i < 100; i++) a(); for (int i = 0; i < 100; i++) a();", 0),
    ]:
        assert guards(text, "#define N 16" if "const" not in text else "") == count, text


def test_an_endless_loop_ends_and_a_guarded_one_makes_all_its_rounds(isf: Isf, show: Show) -> None:
    for loop in [
        "while (true) { c += 0.0; }",
        "for (;;) { c += 0.0; }",
        "do { c += 0.0; } while (c >= 0.0);",
        "for (int i = 0; i < 1000000000; i++) { c += 0.0; }",
        "for (int i = 0; i < 8; i++) { i = 0; }",
    ]:
        file = isf(f"float c = 0.0; {loop} gl_FragColor = vec4(c, 1.0, 0.0, 1.0);")
        assert show(file, size_px=(4, 4))[0, 0].tolist() == [0, 255, 0, 255], loop
    body = "int n = 0; while (n < 3000) { n++; } gl_FragColor = vec4(float(n) / 6000.0, 0.0, 0.0, 1.0);"
    assert show(isf(body), size_px=(4, 4))[0, 0, 0] == 128
