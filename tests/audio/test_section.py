"""The section of a song, heard in synthetic songs."""

import itertools

from tests.benchmarks.sections import compose, hear

BALLAD = compose("ballad", seed=3, parts="quiet 2 soft 8 quiet 1")
SONG = compose("house", seed=2, parts="quiet 4 build 5 drop 4 break 5 drop 1")


def test_each_section_is_told_within_a_bar_of_its_beginning_and_a_drop_tells_where_bars_begin() -> (
    None
):
    hops = list(hear(SONG.sound))
    begins = [next(group) for _, group in itertools.groupby(hops, key=lambda each: each[1].section)]
    bar_s = SONG.bars_s[1] - SONG.bars_s[0]
    assert [beat.section for _, beat in begins] == [section for _, section in SONG.sections]
    delays_s = [at_s - true_s for (at_s, _), (true_s, _) in zip(begins, SONG.sections, strict=True)]
    assert all(0.0 < delay_s < bar_s for delay_s in delays_s[1:]), delays_s
    beat_s = bar_s / 4.0
    after_builds_s = [delays_s[n] for n in (2, 4) if SONG.sections[n - 1][1] == "build"]
    assert max(after_builds_s) < 0.7 * beat_s, "soon enough for the second beat"
    firsts_s = [at_s - beat.bar_age_s for at_s, beat in begins if beat.section == "drop"]
    drops_s = [at_s for at_s, section in SONG.sections if section == "drop"]
    assert [
        abs(first_s - drop_s) < 0.05 for first_s, drop_s in zip(firsts_s, drops_s, strict=True)
    ] == [True, True]


def test_soft_drums_below_a_voice_are_no_drop_and_their_fills_no_build() -> None:
    assert {beat.section for _, beat in hear(BALLAD.sound)} == {"quiet"}
