"""Cutting long sounds: where, with which context, and without a loss at the joins."""

import numpy as np
import pytest

from engine.models.rvc.cutting import (
    FULL,
    HALF,
    CutLengths,
    crossfade_spans,
    cut_into_spans,
    group_by_size,
    read_piece,
)

SHORT = CutLengths(pad_s=0.2, query_s=0.3, center_s=1.0, max_s=1.5)
LOUD = np.random.default_rng(0).uniform(-1, 1, 16_000 * 10).astype(np.float32)


def reader(sound: np.ndarray):
    def read(first: int, count: int) -> np.ndarray:
        assert first >= 0 and first + count <= len(sound), "read past the sound"
        return sound[first : first + count].copy()

    return read


def test_a_sound_of_the_maximum_length_is_one_piece_and_a_longer_one_is_cut() -> None:
    for cutting in (FULL, HALF):
        longest = round(cutting.max_s * 16_000)
        sound = np.zeros(longest + 1, np.float32)
        assert len(cut_into_spans(reader(sound), longest, cutting)) == 1
        assert len(cut_into_spans(reader(sound), longest + 1, cutting)) == 2


def test_it_is_cut_where_it_is_quietest_near_each_multiple_of_the_centre() -> None:
    sound = LOUD[:64_000].copy()
    for quiet_s in (0.85, 2.2, 2.9):
        middle = round(quiet_s * 16_000)
        sound[middle - 100 : middle + 100] *= 0.01
    spans = cut_into_spans(reader(sound), len(sound), SHORT)
    assert [span.start for span in spans] == pytest.approx([0, 85, 220, 290], abs=1)
    sound = LOUD[
        :33_600
    ].copy()  # its centre is at 2 s, and the search ends with the sound at 2.1 s
    sound[29_000:29_400] = 0.0
    last = cut_into_spans(reader(sound), len(sound), SHORT)[-1]
    assert last.start == pytest.approx(182, abs=1), "the end of the sound gets no advantage"


@pytest.mark.parametrize("samples", [1, 2, 159, 160, 161, 24_000, 24_001, 100_001])
def test_the_kept_parts_joined_are_the_sound(samples: int) -> None:
    sound = LOUD[:samples]
    read = reader(sound)
    spans = cut_into_spans(read, samples, SHORT)
    parts = [
        read_piece(span, read, samples).sound[span.lead * 160 : (span.lead + span.frames) * 160]
        for span in spans
    ]
    whole = np.concatenate(list(crossfade_spans(spans, parts, 160)))
    assert len(whole) == -(-samples // 160) * 160
    np.testing.assert_allclose(whole[:samples], sound, atol=1e-6)


def test_a_piece_has_its_neighbours_or_reflected_sound_as_context() -> None:
    sound = LOUD[:50_000]
    read = reader(sound)
    reflected = np.pad(sound, 16_000, mode="reflect")
    for span in cut_into_spans(read, len(sound), SHORT):
        assert span.lead >= 20 and span.size - span.lead - span.frames >= 20  # 0.2 s on both sides
        first = 16_000 + (span.start - span.lead) * 160
        np.testing.assert_array_equal(
            read_piece(span, read, len(sound)).sound, reflected[first : first + span.size * 160]
        )


def test_only_windows_of_one_size_are_batched_in_order() -> None:
    assert group_by_size([5, 7, 5, 5, 7, 9, 5], 2) == [[0, 2], [1, 4], [3, 6], [5]]
    assert group_by_size([5, 7, 5], 1) == [[0], [1], [2]]
    assert group_by_size([], 4) == []
