"""GLSL 1.20 with ISF's names becomes GLSL 3.30 that drivers accept, with the same meaning."""

from collections.abc import Callable

import numpy as np
import pytest

from engine.errors import IsfError
from engine.render.isf.isf_file import IsfFile
from engine.render.isf.loops import LoopGuards
from engine.render.isf.preprocess import preprocess
from tests.support.cases import cases_of

Isf = Callable[..., IsfFile]
Show = Callable[..., np.ndarray]

IMAGE = [{"NAME": "inputImage", "TYPE": "image"}]


def guards(body: str, before: str = "") -> int:
    tokens = preprocess(f"{before}\nvoid main() {{ {body} }}")
    return "".join(LoopGuards(tokens).insert_into(tokens)).count("isf_go(")


def test_every_way_to_read_the_picture_shows_it_upright(
    isf: Isf, show: Show, f_card: Callable
) -> None:
    for body in cases_of(__file__)["copies"]:
        card = f_card()
        assert np.abs(show(isf(body, IMAGE), card).astype(int) - card).max() <= 1, body


def test_the_driver_names_the_line_of_the_file(isf: Isf, show: Show) -> None:
    with pytest.raises(IsfError) as refused:
        show(isf("\n\nvoid main() {\n  gl_FragColor = nothing;\n}"))
    # the header has the first line
    assert refused.value.line == 5 and "nothing" in refused.value.reason


def test_text_without_main_or_that_could_hurt_a_compiler_is_refused(isf: Isf) -> None:
    with pytest.raises(IsfError, match=r"main\(\)"):
        isf("float domain; // main")
    for text in ["void main() {" + "(" * 200, "float ü = 1.0; void main() {}"]:
        with pytest.raises(IsfError) as refused:
            isf(text)
        assert refused.value.line == 2, text


def test_loops_that_may_be_long_are_guarded() -> None:
    for text, count in cases_of(__file__)["loops"]:
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
    body = (
        "int n = 0; while (n < 3000) { n++; } gl_FragColor = vec4(float(n) / 6000.0, 0.0, 0.0, "
        "1.0);"
    )
    assert show(isf(body), size_px=(4, 4))[0, 0, 0] == 128
