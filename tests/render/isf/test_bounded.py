"""No shader text can hide a loop, undo its guard, or make a pixel take long. This is checked on the
text, because a trial sees one moment."""

import pytest

from engine.errors import IsfError
from engine.render.isf.isf_file import MAX_BUDGET, IsfFile
from engine.render.isf.loops import MAX_STRAIGHT, MIN_ROUND, LoopGuards
from engine.render.isf.parse import parse_isf
from engine.render.isf.preprocess import join_tokens, preprocess
from tests.support.cases import cases_of

LATE = "if (TIME > 8.0) { %s }"
CALLS = "float f0(float x) { return sin(x); }\n" + "".join(
    f"float f{n}(float x) {{ for (int i = 0; i < 1000; i++) x += f{n - 1}(x); return x; }}\n"
    for n in range(1, 6)
)


def parsed(body: str, before: str = "") -> IsfFile:
    return parse_isf(
        f"/*{{}}*/\n{before}\nvoid main() {{ float c = 0.0; {body} gl_FragColor = vec4(c); }}",
        path=None,
    )


def own_text(file: IsfFile) -> str:
    """The part of the fragment shader that its author wrote, without what we put around it."""
    return file.texts.fragment.split("#line 1 0\n")[1].split("#line 1 2")[0]


def expanded(text: str) -> str:
    return " ".join(join_tokens(preprocess(text)).split())


def test_every_loop_that_could_be_long_has_its_guard() -> None:
    for before, body in cases_of(__file__)["loops"]:
        file = parsed(LATE % body, before)
        assert own_text(file).count("isf_go(") == 1 and file.texts.is_guarded, before
        assert "#define" not in own_text(file), before


def test_a_guard_has_a_name_of_its_own_and_ends_a_loop_before_the_rasteriser_does() -> None:
    file = parsed("int isf_spent = 0; int isf_budget = 1; isf_spent = isf_budget;")
    assert own_text(file).count("isf_own_isf_") == 4
    assert 65_535 * MIN_ROUND > MAX_BUDGET and f"isf_go({MIN_ROUND})" in own_text(
        parsed("while (c > 0.0);")
    )
    reserved = parse_isf(
        '/*{"INPUTS": [{"NAME": "isf_budget", "TYPE": "float"}]}*/ void main() {}', path=None
    )
    assert reserved.texts.names == {"isf_budget": "isf_own_isf_budget"}


def test_calls_with_and_without_loops_multiply_and_many_short_loops_are_guarded() -> None:
    one, all_of_them = parsed("c = f1(c);", CALLS).texts, parsed("c = f5(c);", CALLS).texts
    assert one.straight_units > 1000 * 32  # its loop keeps its text
    assert all_of_them.straight_units < 2 * one.straight_units + 1000  # the others do not
    assert all_of_them.is_guarded

    def doubling(depth: int) -> str:
        lines = [
            f"float f{n}(float x) {{ return f{n - 1}(x) + f{n - 1}(x); }}"
            for n in range(1, depth + 1)
        ]
        return "\n".join(["float f0(float x) { return sin(x); }", *lines])

    units = [parsed(f"c = f{n}(c);", doubling(n)).texts.straight_units for n in (6, 7, 8)]
    assert 1.9 < units[1] / units[0] < 2.1 and 1.9 < units[2] / units[1] < 2.1
    with pytest.raises(IsfError, match="functions call each other so often"):
        parsed("c = f40(c);", doubling(40))
    with pytest.raises(IsfError, match="calls itself"):
        parsed("c = f(c);", "float f(float x); float f(float x) { return f(x); }")
    rows = "for (int i = 0; i < 900; i++) c += sin(c); " * 100
    guarded = LoopGuards(preprocess(f"void main() {{ float c; {rows} }}"))
    assert guarded.is_guarded and guarded.straight <= MAX_STRAIGHT


def test_no_array_is_too_large_to_be_copied() -> None:
    for text in cases_of(__file__)["arrays"]:
        with pytest.raises(IsfError, match="array"):
            parsed("", text)


def test_macros_are_expanded_as_in_c() -> None:
    for text, written in cases_of(__file__)["macros"]:
        assert expanded(text) == " ".join(written.split()), text


def test_a_damaged_directive_gives_one_clear_reason() -> None:
    for text, reason in [
        *cases_of(__file__)["damaged"],
        (
            "#define M0 a a\n"
            + "".join(f"#define M{n} M{n - 1} M{n - 1}\n" for n in range(1, 40))
            + "M39",
            "expand to",
        ),
        ("#define A " + "x" * 100_000 + "\n" + "A " * 9000, "too"),
    ]:
        with pytest.raises(IsfError) as refused:
            preprocess(text)
        assert reason in refused.value.reason and len(refused.value.reason) < 300, text
