"""OSC address patterns: their matches, and their bounded cost."""

import re
import sys
from types import FrameType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import osc_schema
from osc_schema import PARAMS, Rejected, patterns
from osc_schema.patterns import PatternIndex
from tests.support.long_form import IS_SOAK


def matched(pattern: str) -> list[str]:
    return [param.address for param in osc_schema.match(pattern)]


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ("/layer/*/angle", [f"/layer/{n}/angle" for n in (1, 2, 3, 4)]),
        ("/layer/[1-3]/angle", [f"/layer/{n}/angle" for n in (1, 2, 3)]),
        ("/layer/[!1-3]/intensity", ["/layer/4/intensity", "/layer/5/intensity"]),
        (
            "/layer/[24]/{curve,phase}",
            [f"/layer/{n}/{what}" for n in (2, 4) for what in ("curve", "phase")],
        ),
        (
            "//curve",
            [f"/layer/{n}/curve" for n in (1, 2, 3, 4)] + [f"/mod/{n}/curve" for n in range(1, 13)],
        ),
        ("/*", ["/mode"]),
        ("/{,mirror,mirror}/mode", ["/mirror/mode"]),
        ("/mirror/[s-]egments", ["/mirror/segments"]),
        ("/layer/1/ang", []),
        ("/layer?1?angle", []),
    ],
)
def test_a_pattern_finds_its_parameters_in_page_order(pattern: str, expected: list[str]) -> None:
    assert matched(pattern) == expected


@pytest.mark.parametrize(
    "pattern",
    [
        "",
        "layer/*",
        "/layer/[1-3/angle",
        "/layer/[]/angle",
        "/layer/[3-1]/angle",
        "/layer/[1/2]/angle",
        "/{mode,mirror",
        "/{a,{b,c}}",
        "//",
        "/*\n/mode",
        "/" + "*" * 256,
    ],
)
def test_a_malformed_pattern_is_rejected_in_one_line(pattern: str) -> None:
    with pytest.raises(Rejected) as rejection:
        osc_schema.match(pattern)
    assert "\n" not in str(rejection.value) and len(str(rejection.value)) < 160


def lines_run(pattern: str) -> int:
    """The number of lines of `patterns` that one match executes: its cost, independent of the
    machine."""
    count = 0

    def trace(frame: FrameType, event: str, argument: Any) -> Any:
        nonlocal count
        if frame.f_code.co_filename != patterns.__file__:
            return None
        count += event == "line"
        return trace

    index = PatternIndex(param.address for param in PARAMS)
    before = sys.gettrace()
    sys.settrace(trace)
    try:
        index.match(pattern)
    finally:
        sys.settrace(before)
    return count


@pytest.mark.parametrize(
    "piece", ["*a", "*", "?*", "[a-z]*", "{a,b}*", "[ -~]", "//*", "{aaaa,aaab,aaac}"]
)
def test_a_hostile_pattern_costs_in_proportion_to_its_length(piece: str) -> None:
    """A backtracking matcher takes exponential time on `/*a*a*a*a*b`; here each further one costs
    the same."""
    few, more, many = (lines_run("/x" + piece * count + "b") for count in (3, 6, 12))
    assert many - more == 2 * (more - few)
    assert many < 12 * 250


def as_regex(pattern: str) -> str:
    """Convert an OSC pattern to a regular expression: a backtracking reference, in exponential
    time."""
    found = ""
    for element in re.findall(r"//|\[[^]]*\]|\{[^}]*\}|.", pattern):
        match element[0]:
            case "/" if element == "//":
                found += "/(?:.*/)?"
            case "*" | "?":
                found += "[^/]" + element.replace("?", "")
            case "[":
                found += element.replace("[!", "[^/")
            case "{":
                found += f"(?:{element[1:-1].replace(',', '|')})"
            case _:
                found += element
    return found


LEVEL = st.text("abc", min_size=1, max_size=4)
ADDRESS = st.lists(LEVEL, min_size=1, max_size=3).map(lambda levels: "/" + "/".join(levels))
ELEMENT = st.one_of(
    st.sampled_from(
        ["*", "?", "a", "b", "c", "[ab]", "[!a]", "[a-b]", "[!b-c]", "[c-]", "{a,bc}", "{,ab}"]
    ),
    st.lists(st.text("abc", max_size=2), min_size=1, max_size=3).map(
        lambda names: f"{{{','.join(names)}}}"
    ),
)
PATTERN = st.lists(
    st.tuples(
        st.sampled_from(["/", "/", "//"]), st.lists(ELEMENT, min_size=1, max_size=5).map("".join)
    ),
    min_size=1,
    max_size=3,
).map(lambda levels: "".join(slash + level for slash, level in levels))


@settings(max_examples=600 if IS_SOAK else 60)
@given(addresses=st.lists(ADDRESS, min_size=1, max_size=8, unique=True), pattern=PATTERN)
def test_every_pattern_matches_what_a_plain_search_finds(
    addresses: list[str], pattern: str
) -> None:
    expected = tuple(address for address in addresses if re.fullmatch(as_regex(pattern), address))
    assert PatternIndex(addresses).match(pattern) == expected


@settings(max_examples=300 if IS_SOAK else 30)
@given(pattern=st.text("/*?[]{}!-,ab\n", max_size=40))
def test_any_text_is_matched_or_rejected(pattern: str) -> None:
    try:
        osc_schema.match("/" + pattern)
    except Rejected as rejection:
        assert "\n" not in str(rejection)
