"""No shader text can hide a loop, undo its guard, or make a pixel take long. This is checked on the text, because a
trial sees one moment."""

import pytest

from engine.errors import IsfError
from engine.render.isf.isf_file import MAX_BUDGET, IsfFile
from engine.render.isf.loops import MAX_STRAIGHT, MIN_ROUND, LoopGuards
from engine.render.isf.parse import parse_isf
from engine.render.isf.preprocess import join_tokens, preprocess

LATE = "if (TIME > 8.0) { %s }"
CALLS = "float f0(float x) { return sin(x); }\n" + "".join(
    f"float f{n}(float x) {{ for (int i = 0; i < 1000; i++) x += f{n - 1}(x); return x; }}\n" for n in range(1, 6)
)


def parsed(body: str, before: str = "") -> IsfFile:
    return parse_isf(f"/*{{}}*/\n{before}\nvoid main() {{ float c = 0.0; {body} gl_FragColor = vec4(c); }}", path=None)


def own_text(file: IsfFile) -> str:
    """The part of the fragment shader that its author wrote, without what we put around it."""
    return file.texts.fragment.split("#line 1 0\n")[1].split("#line 1 2")[0]


def expanded(text: str) -> str:
    return " ".join(join_tokens(preprocess(text)).split())


def test_every_loop_that_could_be_long_has_its_guard() -> None:
    for before, body in [
        ("#define isf_go(x) true\n#define min(a, b) 0", "while (c > -1.0) c += 0.1;"),
        ("", "while (c > -1.0) { isf_own_isf_spent = c; c += 0.1; }"),
        ("#define J(a, b) a##b", "J(whi, le) (c > -1.0) c += 0.1;"),
        ("", "wh\\\nile (c > -1.0) c += 0.1;"),
        ("#define LOOP for (;;)", "LOOP c += 0.1;"),
        ("#define OPEN (", "while OPEN c > -1.0) c += 0.1;"),
        ("", "do c += 0.1; while (c > -1.0);"),
        ("void zero(inout int i) { i = 0; }", "for (int i = 0; i < 8; i++) zero(i);"),
        ("void zero(out int i) { i = 0; }", "for (int i = 0; i < 8; i++) zero((i));"),
        ("", "for (float i = 0.0; i < 8.0; i += 1.0) modf(c, i);"),
        ("", "for (float i = 16777216.0; i < 16777226.0; i += 1.0) c += 0.1;"),
        ("const int N = 4;", "int N = 1000000000; for (int i = 0; i < N; i++) c += 0.1;"),
        ("", "for (uint i = 5u; i >= 0u; i--) c += 0.1;"),
        ("", "for (int i = 2147483000; i <= 2147483647; i++) c += 0.1;"),
        ("int k; void back() { k = 0; }", "for (k = 0; k < 8; k++) back();"),
        ("", "for (int i = 0; i < 8; i += 0) c += 0.1;"),
        ("", "switch (1) { case 1: while (c > -1.0) c += 0.1; }"),
        ("", "if (c > 0.0) c = 1.0; else while (c > -1.0) c += 0.1;"),
        ("", "for (int i = 0; i < 8; i++) { int j = i; i = 0; c += float(j); }"),
    ]:
        file = parsed(LATE % body, before)
        assert own_text(file).count("isf_go(") == 1 and file.texts.is_guarded, before
        assert "#define" not in own_text(file), before


def test_a_guard_has_a_name_of_its_own_and_ends_a_loop_before_the_rasteriser_does() -> None:
    file = parsed("int isf_spent = 0; int isf_budget = 1; isf_spent = isf_budget;")
    assert own_text(file).count("isf_own_isf_") == 4
    assert 65_535 * MIN_ROUND > MAX_BUDGET and f"isf_go({MIN_ROUND})" in own_text(parsed("while (c > 0.0);"))
    reserved = parse_isf('/*{"INPUTS": [{"NAME": "isf_budget", "TYPE": "float"}]}*/ void main() {}', path=None)
    assert reserved.texts.names == {"isf_budget": "isf_own_isf_budget"}


def test_calls_with_and_without_loops_multiply_and_many_short_loops_are_guarded() -> None:
    one, all_of_them = parsed("c = f1(c);", CALLS).texts, parsed("c = f5(c);", CALLS).texts
    assert one.straight_units > 1000 * 32  # its loop keeps its text
    assert all_of_them.straight_units < 2 * one.straight_units + 1000  # the others do not
    assert all_of_them.is_guarded

    def doubling(depth: int) -> str:
        lines = [f"float f{n}(float x) {{ return f{n - 1}(x) + f{n - 1}(x); }}" for n in range(1, depth + 1)]
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
    for text in [
        "const int N = 100000; float a[N];",
        "float a[64 * 64 * 64];",
        "const float N = exp2(20.0); float a[int(N)];",
        "float a[int(exp2(20.0))];",
        "float a[4096]; float b[a.length() * 4];",
        "struct S { float x[4096]; }; struct T { S s[4096]; };",
        "struct A { mat4 x[90]; }; struct B { A a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, q, r, s, t, u, v; };"
        "struct C { B x, y, z; };",
    ]:
        with pytest.raises(IsfError, match="array"):
            parsed("", text)


def test_macros_are_expanded_as_in_c() -> None:
    for text, written in [
        ("#define A 1\n#define B A + A\nB", "1 + 1"),
        ("#define F(x, y) x*y\nF((1, 2), F(3, 4))", "(1, 2) * 3 * 4"),
        ("#define F(x) F(x + 1)\nF(0)", "F( 0 + 1)"),
        ("#define F() 7\nF ( ) F", "7 F"),
        ("#define CAT(a, b) a ## b\n#define AB 9\nCAT(A, B) CAT(x, CAT)", "9 xCAT"),
        ("#define P +\na P+ b", "a + + b"),
        ("#define S /\nS* b", "/ * b"),
        ("#if defined(GL_ES) || 2 * 3 == 7\na\n#elif __VERSION__ >= 330 && !defined X\nb\n#else\nc\n#endif", "b"),
        ("#if 8 - 4 - 2 == 2 && -7 / 2 == -3\na\n#endif", "a"),
        ("#ifdef A\n#if 1 / 0\n#endif\n#error no\n#else\nyes\n#endif", "yes"),
        ("#define A 1\n#undef A\nA", "A"),
        ("#define LONG 1 + \\\n2 // and \\\nmore\nLONG", "1 + 2"),
        ("#define A /* a comment\nof two lines */ 5\nA", "5"),
        ("#version 120\n#extension all : enable\n#pragma x\n#\na", "a"),
        ("a\n\n__LINE__", "a 3"),
    ]:
        assert expanded(text) == " ".join(written.split()), text


def test_a_damaged_directive_gives_one_clear_reason() -> None:
    for text, reason in [
        ("#if 1\n", "#endif"),
        ("#endif", "without #if"),
        ("\n#error that is all", "that is all"),
        ("#define F(x x\n", "parameters"),
        ("#define F(x) x\nF(1", "not closed"),
        ("#define F(x) x\nF(1, 2)", "takes 1"),
        ("#define A ## b\n", "##"),
        ("#define __VERSION__ 1\n", "no name"),
        ("#define CAT(a, b) a ## b\nCAT(+, x)", "no word"),
        ("#if 1 +\n#endif", "too early"),
        ("#if 1 / 0\n#endif", "zero"),
        ("#nonsense", "no directive"),
        ("/* for ever", "not closed"),
        ("#define M0 a a\n" + "".join(f"#define M{n} M{n - 1} M{n - 1}\n" for n in range(1, 40)) + "M39", "expand to"),
        ("#define A " + "x" * 100_000 + "\n" + "A " * 9000, "too"),
    ]:
        with pytest.raises(IsfError) as refused:
            preprocess(text)
        assert reason in refused.value.reason and len(refused.value.reason) < 300, text
