"""The list of cues and its file."""

from pathlib import Path

import pytest

from engine.errors import CueError
from engine.params import Cue, CueList, cues_text, read_cues
from engine.system.stored_file import StoredFile


def cues(*numbers: int) -> CueList:
    """Cues with these numbers; cue 3 has the preset "p3"."""
    return CueList({number: Cue(number=number, preset=f"p{number}") for number in numbers})


def presets(of: CueList) -> dict[int, str]:
    return {cue.number: cue.preset for cue in of}


def test_go_and_back_skip_gaps_in_the_numbers() -> None:
    some = cues(5, 1, 10)
    assert [cue.number for cue in some] == [1, 5, 10]
    assert [some.after(number).number for number in (0, 1, 4, 5)] == [1, 5, 5, 10]
    assert [some.before(number).number for number in (10, 6, 5)] == [5, 5, 1]
    for wrong, line in [
        (lambda: some.after(10), "no cue comes after 10"),
        (lambda: some.before(1), "no cue comes before 1"),
        (lambda: some.before(0), "no cue has been started yet"),
        (lambda: some.at(3), r"there is no cue 3 \(known: 1, 5, 10\)"),
        (lambda: CueList({}).after(0), r"there are no cues \(/cue/set makes one\)"),
    ]:
        with pytest.raises(CueError, match=line):
            wrong()


def test_numbers_stay_when_a_cue_is_deleted_and_one_inserted_moves_up_those_before_the_first_gap() -> (
    None
):
    some = cues(1, 2, 3)
    assert presets(some.without(some.at(2))) == {1: "p1", 3: "p3"}
    assert presets(some) == {1: "p1", 2: "p2", 3: "p3"}
    some = cues(1, 2, 3, 5, 9)
    assert presets(some.with_inserted(Cue(number=2, preset="new"))) == {
        1: "p1", 2: "new", 3: "p2", 4: "p3", 5: "p5", 9: "p9",
    }  # fmt: skip
    assert presets(some.with_inserted(Cue(number=7, preset="new")))[7] == "new"
    with pytest.raises(CueError, match=r"no number is free from 999 to 999"):
        cues(999).with_inserted(Cue(number=999, preset="new"))


def test_a_wrong_cue_is_refused_with_one_line() -> None:
    for args, line in [
        ((0, "x"), "number 0 is not a whole number 1..999"),
        ((1.5, "x"), "number 1.5 is not a whole number"),
        ((float("nan"), "x"), "number nan is not a whole number"),
        ((True, "x"), "number True is not a whole number"),
        ((1, 5), "preset 5 is not a name"),
        ((1, "a/b"), "cannot contain '/'"),
        ((1, "x", -1.0), r"fade -1 is not a time of 0..3600 s"),
        ((1, "x", 0.0, 4000), r"follow 4000 is not a time of 0..3600 s"),
        ((1, "x", "long"), "fade 'long' is not a time"),
    ]:
        with pytest.raises(CueError, match=line) as refused:
            Cue.parse(*args)
        assert "\n" not in str(refused.value), args


def test_the_file_holds_the_list_and_no_file_holds_none(tmp_path: Path) -> None:
    path = tmp_path / "show" / "cues.toml"
    assert read_cues(path) == (CueList({}), [])
    some = cues(1, 7).with_cue(Cue.parse(3.0, "Nacht \u00e4", 2, 20.5))
    StoredFile(path, "cue list", CueError).write(cues_text(some))
    assert read_cues(path) == (some, [])
    entry = '    { number = 3, preset = "Nacht \u00e4", fade_s = 2.0, follow_s = 20.5 },\n'
    assert entry in path.read_text(encoding="utf-8")


def test_invalid_entries_are_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    path = tmp_path / "cues.toml"
    path.write_text(
        """
        title = "my show"
        [[cue]]
        number = 1
        preset = "ok"
        [[cue]]
        preset = "without number"
        [[cue]]
        number = 1
        preset = "again"
        [[cue]]
        number = 2
        preset = "typo"
        fades = 3
        [[cue]]
        number = 3
        preset = "slow"
        fade_s = 1e9
        [[cue]]
        number = 4
        preset = "ok too"
        follow_s = 5
        """,
        encoding="utf-8",
    )
    found, problems = read_cues(path)
    assert presets(found) == {1: "ok", 4: "ok too"}
    assert [problem.removeprefix(f"{path}: ") for problem in problems] == [
        "'title': unknown key of a cue list (known: cue)",
        "entry 2: has no number (left out)",
        "entry 3: number 1 occurs twice (left out)",
        "entry 4: 'fades': unknown key of a cue "
        "(known: number, preset, fade_s, follow_s, fade, follow, glide, timecode, keep_layer5, "
        "note) (left out)",
        "entry 5: fade 1e+09 is not a time of 0..3600 s, nor one in beats or bars, such as 4b or "
        "2bars (left out)",
    ]


def test_an_invalid_file_gives_no_cues_and_one_line(tmp_path: Path) -> None:
    for content, line in [
        (b"[[cue]", "is not valid TOML"),
        (b"\xff", "is not valid TOML"),
        (b"cue = 5", "cue is not a list of cues"),
        (b"cue = [5]", "entry 1: is not a table (left out)"),
        (b"#" * (1 << 20) + b"##", "larger than 1 MiB"),
    ]:
        path = tmp_path / "cues.toml"
        path.write_bytes(content)
        found, problems = read_cues(path)
        assert len(found) == 0 and len(problems) == 1, content
        assert line in problems[0], content
