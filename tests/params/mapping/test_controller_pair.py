"""Two controllers as one 14-bit fader, half by half."""

from hypothesis import example, given
from hypothesis import strategies as st

from engine.params.mapping.nrpn import HALF, PAUSE_S, ControllerPair

WITHIN_S, BETWEEN_S = 0.001, 0.01  # halves of one position, positions of one stroke

Strokes = list[list[int]]
strokes = st.lists(
    st.lists(st.integers(0, HALF * HALF - 1), min_size=1, max_size=8), min_size=1, max_size=4
)


def play(
    strokes: Strokes, *, fine_first: bool, leaves_out: bool
) -> list[tuple[int, int, list[int]]]:
    """(position before, position sent, results meanwhile) for each position except the first.

    `leaves_out`: the coarse half is sent only when it changes.
    """
    pair, now_s, coarse, was = ControllerPair(), 100.0, None, None
    values = []
    for stroke in strokes:
        now_s += 10 * PAUSE_S
        for at in stroke:
            now_s += BETWEEN_S
            position = []
            halves = [(pair.coarse, at // HALF), (pair.fine, at % HALF)]
            if leaves_out and at // HALF == coarse:
                halves = halves[1:]
            for hear, half in reversed(halves) if fine_first else halves:
                position.append(hear(half, now_s))
                now_s += WITHIN_S
            coarse = at // HALF
            if was is not None:
                values.append((was, at, [value for value in position if value is not None]))
            was = at
    return values


@given(strokes)
@example([[63 * HALF + 127, 64 * HALF, 63 * HALF + 127]])
def test_coarse_half_first_arrives_exactly_and_never_overshoots(strokes: Strokes) -> None:
    for was, at, position in play(strokes, fine_first=False, leaves_out=False):
        assert position[-1] == at
        assert all(min(was, at) <= value <= max(was, at) for value in position)


@given(strokes)
@example([[63 * HALF + 127, 64 * HALF, 63 * HALF + 127]])
def test_fine_half_first_gives_a_position_once_both_arrived(strokes: Strokes) -> None:
    for _, at, position in play(strokes, fine_first=True, leaves_out=False):
        assert position == [at]


@given(st.lists(st.integers(0, HALF * HALF - 1), min_size=2, max_size=30))
def test_a_left_out_coarse_half_keeps_the_old_one(positions: list[int]) -> None:
    ahead = [HALF]  # a stroke that begins with a coarse half shows the kind of device
    for was, at, position in play([[0], ahead, positions], fine_first=False, leaves_out=True):
        assert position[-1] == at
        assert all(min(was, at) <= value <= max(was, at) for value in position)
