"""Parsing prompts in A1111's syntax."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.models.sd.prompt_syntax import MAX_WEIGHT, Fragment, LoraTag, ParsedPrompt, parse_prompt
from tests.support.cases import cases_of


def parsed(text: str) -> list[tuple[str, float]]:
    return [
        (fragment.text, pytest.approx(fragment.weight, rel=1e-9))
        for fragment in parse_prompt(text).fragments
    ]


@pytest.mark.parametrize(("text", "fragments"), cases_of(__file__)["weighted"])
def test_brackets_give_the_weights_of_a1111(text: str, fragments: list[list[Any]]) -> None:
    assert parsed(text) == [tuple(fragment) for fragment in fragments]
    assert parse_prompt(text).notes == ()


def test_break_ends_a_chunk_and_is_a_space_in_the_text() -> None:
    prompt = parse_prompt("a BREAK (b BREAK c:1.2)")
    assert [fragment.text for fragment in prompt.fragments] == ["a\x1e", "b\x1ec"]
    assert prompt.is_broken and prompt.text == "a b c" and prompt.notes == ()


@pytest.mark.parametrize(
    ("text", "fragments", "note"),
    [
        ("a [cat:dog:0.5] here", [("a [cat:dog:0.5] here", 1.0)], "prompt editing"),
        ("([a|b]) c", [("[a|b]", 1.1), (" c", 1.0)], "alternation"),
        ("[a [b|c]]", [("a [b|c]", 1 / 1.1)], "alternation"),
        ("[(a:1.2)|b]", [("[", 1.0), ("a", 1.2), ("|b]", 1.0)], "alternation"),
        ("(a:1000)", [("a", MAX_WEIGHT)], "beyond 100"),
    ],
)
def test_unsupported_syntax_has_no_weight_and_is_noted(
    text: str, fragments: list[tuple[str, float]], note: str
) -> None:
    assert parsed(text) == fragments
    (line,) = parse_prompt(text).notes
    assert note in line


@pytest.mark.parametrize(
    ("text", "rest", "tags"),
    [
        ("a cat <lora:Ink:0.8>", "a cat ", [("Ink", 0.8)]),
        ("<lora:ink>cat<LyCO:b-2 (x):-1>", "cat", [("ink", 1.0), ("b-2 (x)", -1.0)]),
        ("<lora:ink", "<lora:ink", []),
        ("(<lora:ink:1.2>:1.5)", "", [("ink", 1.2)]),
    ],
)
def test_lora_tags_are_removed_from_the_text(
    text: str, rest: str, tags: list[tuple[str, float]]
) -> None:
    prompt = parse_prompt(text)
    assert (prompt.text, prompt.notes) == (rest, ())
    assert prompt.loras == tuple(LoraTag(*tag) for tag in tags)


@pytest.mark.parametrize(
    ("text", "weights", "note"),
    [
        ("<lora:ink:much>", [], "is not a valid <lora:name:0.8>"),
        ("<lora:ink:9>", [], "a weight is -4 to 4"),
        ("<hypernet:ink:1>", [], "hypernetworks are not supported"),
        ("<lora:ink:0.5:1>", [1.0], "text encoder and UNet have the same weight; using 1"),
    ],
)
def test_an_invalid_tag_is_noted(text: str, weights: list[float], note: str) -> None:
    prompt = parse_prompt(text)
    assert [tag.weight for tag in prompt.loras] == weights
    assert prompt.text == "" and len(prompt.notes) == 1 and note in prompt.notes[0]


@given(
    st.text(
        alphabet=st.one_of(st.sampled_from("()[]:\\|<>lora.-019 aBREAK"), st.characters()),
        max_size=60,
    )
)
def test_any_text_parses_to_finite_weights(text: str) -> None:
    prompt = parse_prompt(text)
    for fragment, following in zip(prompt.fragments, prompt.fragments[1:], strict=False):
        assert fragment.weight != following.weight
    assert all(
        fragment.text and abs(fragment.weight) <= MAX_WEIGHT for fragment in prompt.fragments
    )


@given(
    st.text(alphabet=st.characters(blacklist_characters="()[]\\<")).filter(
        lambda text: "BREAK" not in text
    )
)
def test_plain_text_stays_as_it_is(text: str) -> None:
    assert parse_prompt(text) == ParsedPrompt((Fragment(text, 1.0),) if text else ())


def test_ten_thousand_brackets_are_read_in_no_time() -> None:
    (fragment,) = parse_prompt("(" * 10_000 + "x" + ":9)" * 10_000).fragments
    assert fragment == Fragment("x", MAX_WEIGHT)
    assert parse_prompt("(" * 10_000 + "x:0)").fragments == (Fragment("x", 0.0),)
