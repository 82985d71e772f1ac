"""No more than three opposing changes of a tenth or more in any second, and nothing else touched."""

import itertools
from collections.abc import Callable, Sequence

import numpy as np
import pytest

from engine.render import Renderer
from engine.render.flash_guard import FlashGuard, opposing_changes
from engine.render.flash_levels import flash_levels, mix_samples, sample_places

SIMPLE = {"/mode": "simple"}
GUARDED = SIMPLE | {"/safety/flash": True}


def relative_luminance(rgba: np.ndarray) -> float:
    """Full-picture mean as WCAG defines it, from every pixel."""
    display = rgba[..., :3] / 255
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    return float((linear @ (0.2126, 0.7152, 0.0722)).mean())


def saturated_red(rgba: np.ndarray) -> float:
    display = rgba[..., :3] / 255
    red, green, blue = np.moveaxis(
        np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4), -1, 0
    )
    return float(np.where(red >= 0.8 * (red + green + blue), red - green - blue, 0).mean())


def most_changes_in_a_second(levels: Sequence[float], fps: int) -> int:
    """Largest number of alternating steps of a tenth or more in any window of one second, both ends included.

    Found the slow way, by trying every start: the longest chain of frames, each a tenth above or below the last.
    """
    most = 0
    for start in range(len(levels)):
        window = levels[start : start + fps + 1]
        best = {1: [0] * len(window), -1: [0] * len(window)}  # longest chain ending here with a rise, a fall
        for end, earlier in itertools.product(range(len(window)), repeat=2):
            if earlier < end and window[end] - window[earlier] >= 0.1:
                best[1][end] = max(best[1][end], best[-1][earlier] + 1)
            elif earlier < end and window[earlier] - window[end] >= 0.1:
                best[-1][end] = max(best[-1][end], best[1][earlier] + 1)
        most = max(most, *best[1], *best[-1])
    return most


@pytest.mark.parametrize(
    ("levels", "changes"),
    [
        ([0.5], 0),
        ([0.5, 0.55, 0.5], 0),
        ([0, 1], 1),
        ([0, 1, 0], 2),
        ([0, 0.05, 0.1, 0.15, 0.2], 1),  # one slow rise
        ([0.2, 0.15, 0.1, 0.25, 0.3, 0.2], 3),
        ([0.5, 0.45, 0.55, 0.46, 0.54], 1),
    ],
)
def test_a_change_counts_once_however_many_frames_it_takes(levels: list[float], changes: int) -> None:
    assert opposing_changes(levels, 0.1 - 1e-9) == changes


def test_counting_agrees_with_trying_everything() -> None:
    random = np.random.default_rng(11)
    for _ in range(100):
        levels = random.random(12).round(2).tolist()
        assert opposing_changes(levels, 0.1) == most_changes_in_a_second(levels, fps=11)


def test_a_lone_flash_passes_and_a_strobe_is_held() -> None:
    guard = FlashGuard()
    on_screen = 0.0
    shown = []
    for frame in range(60):
        wanted = float(frame % 2)
        before = on_screen
        share = guard.admit(
            lambda share, before=before, wanted=wanted: (before + share * (wanted - before),), frame / 30
        )
        on_screen = before + share * (wanted - before)
        shown.append(on_screen)
    assert shown[:4] == [0, 1, 0, 1]
    assert most_changes_in_a_second(shown, 30) == 3
    assert 1 < shown.index(0, 4) - 4 < 31  # black is seen again once the first change is a second old


def test_three_signals_are_judged_one_by_one() -> None:
    guard = FlashGuard()
    for frame in range(30):
        red = float(frame % 2)
        share = guard.admit(lambda share, red=red: (0.5, 0.5, red * share), frame / 30)
        assert share == 1 if frame < 4 else share < 1 or red == 0


def test_a_clock_set_back_begins_a_new_second() -> None:
    guard = FlashGuard()
    for frame in range(10):
        guard.count((float(frame % 2),), 100 + frame / 30)
    assert guard.admit(lambda share: (share,), 0.0) == 1.0


def strobe(renderer: Renderer, draw: Callable, frames: int, fps: int, cards: Sequence[np.ndarray]) -> list[np.ndarray]:
    renderer.resize(64, 36)
    return [draw(renderer, GUARDED, layer5=cards[n % len(cards)], time_s=n / fps) for n in range(frames)]


WHITE, BLACK, RED, DIM = (
    np.full((36, 64, 3), colour, np.uint8) for colour in ((255,) * 3, (0,) * 3, (255, 0, 0), (70,) * 3)
)


@pytest.mark.parametrize(
    ("cards", "fps"),
    [([BLACK, WHITE], 30), ([BLACK, DIM], 30), ([BLACK] * 3 + [WHITE] * 4, 60), ([BLACK, DIM, WHITE, DIM], 30)],
)
def test_a_strobing_input_goes_out_with_three_changes_a_second(
    renderer: Renderer, draw: Callable, cards: list[np.ndarray], fps: int
) -> None:
    published = strobe(renderer, draw, fps * 3 // 2, fps, cards)
    luma = [float(rgba[..., :3].mean()) / 255 for rgba in published]
    assert most_changes_in_a_second([relative_luminance(rgba) for rgba in published], fps) <= 3
    assert most_changes_in_a_second(luma, fps) == 3  # what may flash does


def test_saturated_red_is_held_like_white(renderer: Renderer, draw: Callable) -> None:
    """Red against a grey of the same luminance: only its redness flashes."""
    grey = np.full((36, 64, 3), 127, np.uint8)
    published = strobe(renderer, draw, 45, 30, [RED, grey])
    assert most_changes_in_a_second([saturated_red(rgba) for rgba in published], 30) == 3


def test_strobing_waves_are_held_too(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(64, 36)
    published = [
        draw(
            renderer,
            {"/safety/flash": True, "/multiverse/brightness": (0.2, 4.0)[frame % 2]},
            time_s=frame / 30,
            pitches_hz=(110.0 + frame, 165.0, 220.0, 277.0),
        )
        for frame in range(45)
    ]
    assert most_changes_in_a_second([relative_luminance(rgba) for rgba in published], 30) == 3


def test_a_strobe_by_master_fade_is_held_too(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(64, 36)
    published = [
        draw(renderer, GUARDED | {"/master/fade": (0.0, 1.0)[frame % 2]}, layer5=WHITE, time_s=frame / 30)
        for frame in range(45)
    ]
    assert most_changes_in_a_second([relative_luminance(rgba) for rgba in published], 30) == 3


def test_coming_back_from_a_strobed_blackout_is_held(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(64, 36)
    published = [
        draw(renderer, GUARDED | {"/master/blackout": frame % 2 == 0}, layer5=WHITE, time_s=frame / 30)
        for frame in range(45)
    ]
    assert all((rgba[..., :3] == 0).all() for rgba in published[::2])
    assert most_changes_in_a_second([relative_luminance(rgba) for rgba in published], 30) <= 4


def test_a_steady_or_slow_picture_is_untouched_bit_for_bit(renderer: Renderer, draw: Callable) -> None:
    def show(guard: bool) -> list[bytes]:
        renderer.resize(96, 54)
        looks = [
            {"/safety/flash": guard, "/multiverse/brightness": 2.5 + 1.5 * np.sin(frame / 30 * np.pi)}
            for frame in range(60)  # half a swing up and down a second
        ]
        return [
            draw(renderer, look, time_s=frame / 30, pitches_hz=(110.0 + frame, 160.0 - frame, 220.0, 280.0)).tobytes()
            for frame, look in enumerate(looks)
        ]

    assert show(guard=True) == show(guard=False)


def test_switched_off_everything_passes(renderer: Renderer, draw: Callable) -> None:
    renderer.resize(64, 36)
    levels = [draw(renderer, SIMPLE, layer5=(BLACK, WHITE)[n % 2], time_s=n / 30)[0, 0, 0] for n in range(20)]
    assert levels == [0, 255] * 10


def test_both_renderers_hold_alike(gl: Renderer, cpu: Renderer, draw: Callable) -> None:
    by_gl = strobe(gl, draw, 40, 30, [BLACK, WHITE])
    by_numba = strobe(cpu, draw, 40, 30, [BLACK, WHITE])
    assert np.abs(np.array(by_gl).astype(int) - np.array(by_numba).astype(int)).max() <= 2


def test_samples_come_one_from_each_cell_and_stay_inside() -> None:
    for width, height in ((1280, 720), (64, 36), (63, 35), (1, 1), (8192, 64)):
        places = sample_places(width, height)
        assert places.shape == (36, 64, 2) and (places >= 0).all()
        assert (places[..., 0] < width).all() and (places[..., 1] < height).all()
    cells = sample_places(1280, 720) // (20, 20)
    assert len({tuple(cell) for cell in cells.reshape(-1, 2)}) == 64 * 36


def test_levels_of_white_grey_and_red() -> None:
    assert flash_levels(np.full((9, 3), 255, np.uint8)) == pytest.approx((1, 1, 0), abs=1e-4)
    assert flash_levels(np.full((9, 3), 128, np.uint8)) == pytest.approx((0.2159, 128 / 255, 0), abs=1e-3)
    assert flash_levels(np.full((9, 3), (255, 0, 0), np.uint8)) == pytest.approx((0.2126, 0.299, 1), abs=1e-4)


def test_an_untouched_picture_is_not_even_copied() -> None:
    samples = np.zeros((9, 3), np.uint8)
    assert mix_samples(samples + 5, samples, 1.0, 1.0) is samples
