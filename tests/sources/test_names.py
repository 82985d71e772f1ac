"""Finding a sender by name, with the real names of Resolume's programs.

Arena's with Spout and Syphon: github.com/from-vacuum/push2resolume, `Display.EnsureTextureSources`
("confirmed live on Windows"); Avenue's: github.com/MikanseiLaboratory/sp2-rs, README, with a
picture; over NDI: `(Arena - Composition)` after the machine's name, as OBS lists it.
"""

import pytest

from engine.sources.names import best_match, missing_message

SPOUT = ["Arena - Preview", "Arena - Composition", "TDSyphonSpoutOut"]
SYPHON = ["Arena:Preview", "Arena:Composition", "TouchDesigner:out1"]
NDI = ["STAGE (Arena - Preview)", "STAGE (Arena - Composition)", "STAGE (OBS)"]


@pytest.mark.parametrize("program", ["Arena", "Avenue"])
@pytest.mark.parametrize("names", [SPOUT, SYPHON, NDI], ids=["spout", "syphon", "ndi"])
@pytest.mark.parametrize(
    "query",
    ["Arena", "ARENA composition", "Arena:Composition", "Arena - Composition", "Composition"],
)
def test_resolumes_composition_is_found_in_any_spelling_and_not_its_preview(
    program: str, names: list[str], query: str
) -> None:
    there = [name.replace("Arena", program) for name in names]
    query = query.replace("Arena", program).replace("ARENA", program.upper())
    assert best_match(query, there) == there[1]
    assert best_match(query, there[::-1]) == there[1], "in any listed order"


def test_full_names_win_over_words_words_over_parts_and_first_listed_over_later() -> None:
    assert best_match("arena", ["Arena - Composition", "ARENA"]) == "ARENA"
    assert best_match("left out", ["Left:Out 2", "left/out"]) == "left/out"
    assert best_match("Arena", ["Arenas - Composition", "My Arena"]) == "My Arena"
    assert best_match("tou", ["TouchDesigner:b", "TouchDesigner:a"]) == "TouchDesigner:b"
    assert best_match("nobody", SPOUT) is None
    assert best_match("*", ["a", "b * c"]) == "b * c"
    assert best_match("*", ["a"]) is None
    assert best_match("бар", ["Сцена:Бар"]) == "Сцена:Бар"


def test_a_search_for_resolume_names_its_senders() -> None:
    assert best_match("Resolume", SPOUT) is None
    line = missing_message("spout", "Resolume", SPOUT)
    assert "available: Arena - Preview; Arena - Composition; TDSyphonSpoutOut" in line
    assert line.endswith(
        "Resolume's senders are called Arena or Avenue: give spout:Arena or spout:Avenue"
    )
    assert missing_message("ndi", "stage", []) == "ndi stage: not found (available: none)"
