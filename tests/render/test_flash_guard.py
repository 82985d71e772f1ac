"""At most three flashes in any second, by dimming; motion continues, and nothing else changes."""

from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise

import numpy as np
import pytest

from engine.render.flash_guard import (
    CELLS,
    FlashGuard,
    Limits,
    box_means,
    box_minima,
    luminance,
    sample_positions,
    solve_gain,
)
from engine.render.master import with_strobe
from engine.render.picture import Renderer
from tests.render.wcag_flashes import (
    flashing_fraction_of_a_field,
    general_flashes,
    linear,
    most_flashes_in_a_second,
    peat_red_flashes,
    red_flashes,
)
from tests.support.long_form import ONLY_SOAK, in_long_form
from tests.support.pictures import draw_once, on_air

SIMPLE = {"/mode": "simple"}
GUARDED = SIMPLE | {"/safety/flash_guard": True}
SIZE = (36, 18)
Card = np.ndarray
LEFT, RIGHT = (slice(None), slice(0, 18)), (slice(None), slice(18, 36))
CORNER = (slice(0, 9), slice(0, 18))
LIKE_OTHERS = ("5 Hz", "15 Hz", "left half", "a quarter", "red and blue", "left half red")
QUICK_CASES = {(4, "jittered"), (8, "60 fps"), (12, "24 fps")}


def card(*rgb: int) -> Card:
    return np.full((SIZE[1], SIZE[0], 3), rgb, np.uint8)


WHITE, BLACK, RED, GREY, DIM, BLUE = (
    card(*rgb)
    for rgb in (
        (255, 255, 255),
        (0, 0, 0),
        (255, 0, 0),
        (127, 127, 127),
        (110, 110, 110),
        (0, 0, 255),
    )
)


def only(area: tuple[slice, slice], on: Card, elsewhere: Card) -> Card:
    whole = elsewhere.copy()
    whole[area] = on[area]
    return whole


SQUARES = (
    np.kron(np.indices((6, 6)).sum(0) % 2, np.ones((3, 6)))[..., None].astype(np.uint8) * WHITE
)

STROBES: dict[str, tuple[float, Card, Card]] = {
    "3 Hz": (3, BLACK, WHITE),
    "4 Hz": (4, BLACK, WHITE),
    "5 Hz": (5, BLACK, WHITE),
    "10 Hz": (10, BLACK, WHITE),
    "15 Hz": (15, BLACK, WHITE),
    "dim, 7.5 Hz": (7.5, BLACK, DIM),
    "left half": (10, only(LEFT, BLACK, GREY), only(LEFT, WHITE, GREY)),
    "a quarter": (7.5, only(CORNER, BLACK, GREY), only(CORNER, WHITE, GREY)),
    "halves by turns": (10, only(LEFT, WHITE, BLACK), only(RIGHT, WHITE, BLACK)),
    "squares by turns": (5, SQUARES, WHITE - SQUARES),
    "red and black": (10, BLACK, RED),
    "red and grey of its luminance": (5, GREY, RED),
    "red and blue": (7.5, BLUE, RED),
    "left half red": (7.5, only(LEFT, BLUE, GREY), only(LEFT, RED, GREY)),
}


def times(fps: float, seconds: float = 2.0) -> np.ndarray:
    return np.arange(round(fps * seconds)) / fps


def jittered(seconds: float = 2.0) -> np.ndarray:
    """Times of frames, 16 to 50 ms apart."""
    return np.random.default_rng(5).uniform(0.016, 0.05, round(seconds / 0.033)).cumsum()


def strobe(hz: float, off: Card, on: Card, times_s: np.ndarray) -> list[Card]:
    return [on if (time_s + 1e-6) * hz % 1 >= 0.5 else off for time_s in times_s]


@pytest.fixture
def show(cpu: Renderer, draw: Callable) -> Callable[[Sequence[Card], np.ndarray], np.ndarray]:
    """Fixture: `show(cards, times_s)` returns the published pictures, (frames, height, width, 3)
    uint8."""

    def show_all(cards: Sequence[Card], times_s: np.ndarray) -> np.ndarray:
        cpu.resize(*SIZE)
        return np.array(
            [
                draw(cpu, GUARDED, layer5=each, time_s=float(time_s))[..., :3]
                for each, time_s in zip(cards, times_s, strict=True)
            ]
        )

    return show_all


def assert_conforms(pictures: np.ndarray, times_s: np.ndarray) -> None:
    assert general_flashes(pictures, times_s) <= 3
    assert red_flashes(pictures, times_s) <= 3
    assert peat_red_flashes(pictures, times_s) <= 3
    assert flashing_fraction_of_a_field(pictures, times_s) <= 0.25


def mean_luminance(pictures: np.ndarray) -> np.ndarray:
    return (linear(pictures) @ (0.2126, 0.7152, 0.0722)).mean(axis=(1, 2))


@pytest.mark.parametrize(
    "name", [name for name in STROBES if name not in LIKE_OTHERS] + in_long_form(*LIKE_OTHERS)
)
def test_no_strobe_is_published_with_more_than_three_flashes_a_second(
    show: Callable, name: str
) -> None:
    hz, off, on = STROBES[name]
    times_s = times(30)
    inputs = strobe(hz, off, on, times_s)
    assert (
        hz == 3
        or max(general_flashes(np.array(inputs), times_s), red_flashes(np.array(inputs), times_s))
        > 3
    )
    published = show(inputs, times_s)
    assert_conforms(published, times_s)
    is_new = [not np.array_equal(one, other) for one, other in pairwise(inputs)]
    has_changed = [not np.array_equal(one, other) for one, other in pairwise(published)]
    assert all(changed for new, changed in zip(is_new, has_changed, strict=True) if new), (
        "a picture was frozen"
    )


@pytest.mark.parametrize(
    ("hz", "times_s"),
    [
        pytest.param(
            hz, times_s, id=f"{hz}-{name}", marks=() if (hz, name) in QUICK_CASES else ONLY_SOAK
        )
        for hz in (4, 8, 12)
        for name, times_s in (
            ("24 fps", times(24)),
            ("60 fps", times(60)),
            ("jittered", jittered()),
        )
    ],
)
def test_the_limit_does_not_depend_on_frame_times(
    show: Callable, times_s: np.ndarray, hz: float
) -> None:
    published = show(strobe(hz, BLACK, WHITE, times_s), times_s)
    assert_conforms(published, times_s)
    # the allowed flashes remain
    assert most_flashes_in_a_second(mean_luminance(published)[:, None], times_s)[0] == 3


def test_the_fourth_flash_is_dimmed_and_the_picture_recovers_in_one_smooth_rise(
    show: Callable,
) -> None:
    times_s = times(30, 0.9)
    levels = show(strobe(5, BLACK, WHITE, times_s), times_s)[:, 0, 0, 0]
    flashes = levels[levels > 0].reshape(-1, 3).mean(axis=1)
    assert flashes[:3].tolist() == [255] * 3
    assert 60 < flashes[3] < 90  # under a tenth of white's light
    times_s = times(30, 5)
    cards = [*strobe(10, BLACK, WHITE, times_s[:60]), *[WHITE] * 90]
    light = mean_luminance(show(cards, times_s))[60:]
    steps = np.diff(light)
    assert light[0] < 0.15 and light[-1] == pytest.approx(1.0)
    assert (steps >= -1e-6).all() and steps.max() < 0.1
    assert np.flatnonzero(light > 0.99)[0] < 90 - 10  # 2.7 s


def test_flicker_above_80_percent_slow_pictures_and_the_pace_of_music_pass_unchanged(
    show: Callable,
) -> None:
    times_s = times(30, 4)
    kicks = strobe(126 / 60, BLACK, WHITE, times_s)
    assert (show(kicks, times_s) == np.array(kicks)).all()
    times_s = times(30)
    cards = strobe(10, card(235, 235, 235), WHITE, times_s)  # 0.83 and 1
    assert (show(cards, times_s) == np.array(cards)).all()
    times_s = times(30, 4)
    # half a cycle a second
    cards = [card(*[round(127.5 - 127.5 * np.cos(time_s * np.pi))] * 3) for time_s in times_s]
    assert (show(cards, times_s) == np.array(cards)).all()


def test_only_the_part_that_strobes_is_dimmed_and_motion_in_it_continues(show: Callable) -> None:
    times_s = times(30)
    hz, off, on = STROBES["a quarter"]
    published = show(strobe(hz, off, on, times_s), times_s)
    far, near = published[:, -1, -1, 0], published[-30:, :3, :12].max(axis=(1, 2, 3))
    assert (
        far.min() > 105 and (far[:20] == 127).all() and np.abs(np.diff(far.astype(int))).max() < 15
    )
    assert 60 < np.median(near[near > 0]) < 110
    # A moving bar over a strobing background is visible at its position in each picture.
    times_s = times(30)
    cards = [each.copy() for each in strobe(15, GREY, WHITE, times_s)]
    for frame, each in enumerate(cards):
        each[:, frame % 30 : frame % 30 + 4] = 0
    published = show(cards, times_s)
    assert_conforms(published, times_s)
    for frame, each in enumerate(published):
        assert np.flatnonzero(each[9, :, 0] < 20).tolist() == list(
            range(frame % 30, frame % 30 + 4)
        )


def test_red_that_flashes_turns_pale_but_not_dark(show: Callable) -> None:
    times_s = times(30)
    late = show(strobe(5, GREY, RED, times_s), times_s)[-10:, 9, 18].astype(int)
    reds = late[late[:, 0] - late[:, 1] > 20]
    assert len(reds) and (reds[:, 0] > 150).all() and (reds[:, 1] > 60).all()


def test_a_strobe_by_brightness_fade_or_blackout_is_limited_too(
    renderer: Renderer, draw: Callable
) -> None:
    times_s = times(30, 2)
    guard = {"/safety/flash_guard": True}
    for looks in (
        [guard | {"/multiverse/brightness": 0.2}, guard | {"/multiverse/brightness": 4.0}],
        [guard | {"/master/fade": 0.0}, guard],
        [guard | {"/master/blackout": True}, guard],
    ):
        renderer.resize(*SIZE)
        published = np.array(
            [
                draw(
                    renderer,
                    looks[n % 2],
                    time_s=float(t),
                    pitches_hz=(110.0 + n, 165.0, 220.0, 277.0),
                )[..., :3]
                for n, t in enumerate(times_s + 10 * looks[0].get("/master/fade", 1))
            ]
        )
        assert general_flashes(published, times_s) == 3
        if "/master/blackout" in looks[0]:
            assert (published[::2] == 0).all()  # always immediate


def test_a_hit_is_white_over_any_picture_and_hits_in_a_row_are_limited(
    renderer: Renderer, draw: Callable, picture: Callable
) -> None:
    renderer.resize(*SIZE)

    def show(values: dict, hits: int, time_s: float) -> np.ndarray:
        return draw_once(
            renderer, picture(values | {"/master/hit": hits}, layer5=BLACK, time_s=time_s)
        ).read_rgba()

    show(SIMPLE, 1, 8.0)  # those of before
    frozen = SIMPLE | {"/master/freeze": True}
    for values, hits, time_s, level in (
        (SIMPLE, 1, 9.1, 0), (SIMPLE, 2, 9.2, 255), (SIMPLE, 2, 9.325, 64), (frozen, 2, 9.325, 64),
        (SIMPLE, 2, 9.5, 0),
        (frozen, 3, 9.6, 255), (frozen, 3, 9.9, 0),
    ):  # fmt: skip
        rgba = show(values, hits, time_s).astype(int)
        assert (np.abs(rgba[..., :3] - level) <= 1).all() and (rgba[..., 3] == 255).all(), (
            time_s,
            rgba[0, 0],
        )
    times_s = times(30, 2)
    published = [show(GUARDED, 3 + int(time_s * 10), 20.0 + float(time_s)) for time_s in times_s]
    assert general_flashes(np.array(published)[..., :3], times_s) == 3


def test_with_the_guard_off_everything_passes(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(*SIZE)
    levels = [
        draw(renderer, SIMPLE, layer5=(BLACK, WHITE)[n % 2], time_s=n / 30)[0, 0, 0]
        for n in range(20)
    ]
    assert levels == [0, 255] * 10
    assert not renderer.flash_guard.is_on


def test_the_guard_reports_its_state(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(*SIZE)
    for frame in range(30):
        draw(renderer, GUARDED, layer5=WHITE, time_s=frame / 30)
    calm = renderer.flash_guard
    assert (calm.is_on, calm.is_limiting, calm.held_share, calm.lately_share) == (
        True,
        False,
        0.0,
        0.0,
    )
    for frame in range(30, 60):
        draw(renderer, GUARDED, layer5=(WHITE, BLACK)[frame % 2], time_s=frame / 30)
    state = renderer.flash_guard
    assert not state.is_limiting  # black is unchanged
    draw(renderer, GUARDED, layer5=WHITE, time_s=60 / 30)
    state = renderer.flash_guard
    assert state.is_limiting and state.held_share > 0.8 and 0.1 < state.lately_share < 0.3


def test_both_renderers_limit_alike(gl: Renderer, cpu: Renderer, draw: Callable) -> None:
    for name in ("10 Hz", "a quarter", "left half red"):
        inputs = strobe(*STROBES[name], times(30, 1.5))
        by_gl, by_numba = (
            np.array(
                [
                    draw(each, GUARDED, layer5=pixels, time_s=n / 30)
                    for n, pixels in enumerate(inputs)
                ]
            ).astype(int)
            for each in (_resized(gl), _resized(cpu))
        )
        assert np.abs(by_gl - by_numba).max() <= 2


def _resized(renderer: Renderer) -> Renderer:
    renderer.resize(*SIZE)
    return renderer


def flat(level: float, red: float = 0.0) -> np.ndarray:
    """Cells of a picture of one display value."""
    return np.stack([np.full((CELLS, CELLS), value) for value in (level, level**2, level**3, red)])


def limits_of(levels: Sequence[float], fps: float = 30) -> Iterator[Limits | None]:
    guard = FlashGuard()
    for frame, level in enumerate(levels):
        yield guard.limit(flat(level), frame / fps)


def test_a_change_over_many_frames_counts_once_and_a_clock_set_back_begins_again() -> None:
    slow = [0.0, 0.2, 0.4, 0.6, 0.8, 1.0, 0.8, 0.6, 0.4, 0.2]  # one rise and one fall
    assert not any(limits_of(slow * 3)), "three flashes per second"
    assert any(limits_of(slow * 4, fps=40)), "four"
    guard = FlashGuard()
    for frame in range(10):
        guard.limit(flat(float(frame % 2)), 100 + frame / 30)
    assert guard.limit(flat(1.0), 100.4) is not None
    assert guard.limit(flat(1.0), 0.0) is None


def test_samples_come_from_all_parts_of_each_cell_and_stay_inside() -> None:
    for width, height in ((1280, 720), (64, 36), (63, 35), (1, 1), (8192, 64)):
        positions = sample_positions(width, height)
        assert positions.shape == (CELLS, CELLS, 64, 2) and (positions >= 0).all()
        assert (positions[..., 0] < width).all() and (positions[..., 1] < height).all()
    positions = sample_positions(1440, 1440)  # cells of 80 x 80 pixels
    cells = np.stack(np.meshgrid(np.arange(CELLS), np.arange(CELLS)), axis=-1)
    assert (positions // 80 == cells[:, :, None]).all()


def test_luminance_under_a_gain_follows_from_three_sums_over_boxes_of_cells() -> None:
    pixels = np.random.default_rng(1).integers(0, 256, (1000, 3)).astype(np.uint8)
    weighted = pixels / 255 * (0.2126, 0.7152, 0.0722)
    sums = np.array(
        [(weighted * (pixels / 255) ** power).sum(axis=1).mean() for power in (0, 1, 2)]
    )
    for gain in (1.0, 0.7, 0.3):
        dimmed = np.rint(pixels * gain).astype(np.uint8)
        assert luminance(sums, gain) == pytest.approx(
            (linear(dimmed) @ (0.2126, 0.7152, 0.0722)).mean(), abs=0.002
        )
    target = np.array([0.01, 0.1, 0.2])
    found = solve_gain(np.repeat(sums[:, None], 3, axis=1), target)
    assert (luminance(sums[:, None], found) <= target).all()
    assert luminance(sums[:, None], found) == pytest.approx(target, rel=0.02)
    cells = np.random.default_rng(2).random((2, CELLS, CELLS))
    for side in (1, 3, 6, 9):
        last = 4 + side
        assert box_means(cells, side)[1, 4, 5] == pytest.approx(
            cells[1, 4:last, 5 : 5 + side].mean()
        )
        assert box_minima(cells[1], side)[4, 5] == cells[1, 4:last, 5 : 5 + side].min()
        assert box_minima(cells[1], side).shape == (CELLS + 1 - side, CELLS + 1 - side)
    assert box_means(cells, CELLS).shape == (2, 1, 1)


def test_a_flash_counts_if_its_darker_picture_has_less_than_80_percent_of_the_light() -> None:
    for dark, is_limited in ((0.895, True), (0.92, False)):  # 78 and 83 %
        assert (
            any(limits is not None for limits in limits_of([dark, dark, 1.0, 1.0] * 15))
            == is_limited
        )


@pytest.mark.parametrize("colour", ["white", "black"])
@pytest.mark.parametrize(
    ("sync", "rate_hz", "flashes"), [("free", 10.0, 10), ("free", 2.0, 2), ("sixteenth", 2.0, 8)]
)
def test_the_strobe_flashes_at_its_rate_and_the_guard_leaves_three_a_second(
    renderer: Renderer,
    picture: Callable,
    values: Callable,
    colour: str,
    sync: str,
    rate_hz: float,
    flashes: int,
) -> None:
    renderer.resize(*SIZE)
    times_s, base = times(30, 2), BLACK if colour == "white" else WHITE
    strobe = {"enable": True, "tempo_sync": sync, "rate_hz": rate_hz, "colour": colour}
    strobe_values = values(
        {"/tempo/bpm": 120.0} | {f"/master/strobe/{name}": value for name, value in strobe.items()}
    )

    def show(guard: dict, start_s: float) -> np.ndarray:
        published = []
        for time_s in map(float, times_s):
            scene = picture(guard, layer5=base, time_s=start_s + time_s)
            look = with_strobe(scene.on_air.look, strobe_values, beat=time_s * 2, time_s=time_s)
            published.append(draw_once(renderer, on_air(scene, look=look)).read_rgba()[..., :3])
        return np.array(published)

    bare = show(SIMPLE, 0.0)
    is_flash = np.abs(bare[:, 0, 0, 0].astype(int) - int(base[0, 0, 0])) > 200
    starts = is_flash & ~np.concatenate([[False], is_flash[:-1]])
    assert starts.sum() == 2 * flashes and starts[0], "the first is on the beat"
    assert general_flashes(bare, times_s) == flashes
    limited = show(GUARDED, 100.0)
    assert_conforms(limited, times_s)
    assert general_flashes(limited, times_s) == min(flashes, 3)


def test_a_strobe_of_half_depth_covers_half_and_a_blackout_stays_black(
    cpu: Renderer, picture: Callable, values: Callable
) -> None:
    cpu.resize(*SIZE)
    on = {"/master/strobe/enable": True, "/master/strobe/depth": 0.5}
    for changes, level in (
        ({}, 128),
        ({"/master/strobe/colour": "black"}, 128),
        ({"/master/blackout": True}, 0),
    ):
        base = WHITE if changes.get("/master/strobe/colour") == "black" else BLACK
        scene = picture(SIMPLE | changes, layer5=base)
        look = with_strobe(scene.on_air.look, values(on | changes), beat=0.0, time_s=0.0)
        rgb = draw_once(cpu, on_air(scene, look=look)).read_rgba()[..., :3].astype(int)
        assert (np.abs(rgb - level) <= 1).all(), (changes, rgb[0, 0])
