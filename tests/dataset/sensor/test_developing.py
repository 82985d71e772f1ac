"""Each effect on light and display values against its known answer."""

import numpy as np
import pytest

from engine.dataset.scene.camera import SiteCamera
from tests.dataset.sensor.cards import CAMERA, card, grey_of, light_of, take_photo

GREY = grey_of(0.13)  # middle grey
HEIGHT, WIDTH = CAMERA.height_px, CAMERA.width_px


def colors_of(levels: np.ndarray | float, effects: str, **more) -> np.ndarray:
    return take_photo(card(levels), effects, **more).rendered.colors.astype(float)


def spread_px(profile: np.ndarray) -> float:
    """Standard deviation of a profile around its mean."""
    x = np.arange(len(profile))
    mean = (profile * x).sum() / profile.sum()
    return float(np.sqrt((profile * (x - mean) ** 2).sum() / profile.sum()))


@pytest.mark.parametrize("exposure", [-2, -1, 1])
def test_one_ev_less_is_half_the_light(exposure: float) -> None:
    for level in (70, GREY, 150):
        seen = light_of(colors_of(level, f"exposure={exposure}").mean())
        assert seen == pytest.approx(light_of(level) * 2.0**exposure, rel=0.02)


@pytest.mark.parametrize("sigma_px", [0.3, 0.5, 1.0, 2.0])
def test_blur_is_as_wide_as_drawn(sigma_px: float) -> None:
    levels = np.full((HEIGHT, WIDTH), GREY, np.uint8)
    levels[:, 80] = levels[60, :] = 200
    light = light_of(colors_of(levels, f"blur={sigma_px}")) - light_of(GREY)
    for c in range(3):
        assert spread_px(light[5:50, 65:96, c].mean(axis=0)) == pytest.approx(
            sigma_px, rel=0.06, abs=0.03
        )
        assert spread_px(light[45:76, 5:70, c].mean(axis=1)) == pytest.approx(
            sigma_px, rel=0.06, abs=0.03
        )
    assert light.sum() == pytest.approx((light_of(levels) - light_of(GREY)).sum() * 3, rel=0.03)


def test_red_and_blue_are_softer_than_green_by_the_demosaicing() -> None:
    levels = np.full((HEIGHT, WIDTH), GREY, np.uint8)
    levels[:, 80] = 200
    light = light_of(colors_of(levels, "blur=0.6,demosaic=0.8")) - light_of(GREY)
    widths = [spread_px(light[:, 70:91, c].mean(axis=0)) for c in range(3)]
    assert widths == pytest.approx([1.0, 0.6, 1.0], rel=0.06)


@pytest.mark.parametrize("length_px", [0.8, 3.0, 9.0])
def test_motion_smears_along_the_flight_only(length_px: float) -> None:
    levels = np.full((HEIGHT, WIDTH), GREY, np.uint8)
    levels[60, 20:140:12] = 220
    photo = take_photo(card(levels), f"motion={length_px}")
    light = light_of(photo.rendered.colors.astype(float)).mean(axis=2) - light_of(GREY)
    angle = np.radians(photo.effects["motion_direction_deg"])
    assert abs(angle) < np.radians(30)
    patches = np.mean([light[50:71, x - 5 : x + 6] for x in range(32, 130, 12)], axis=0)
    along, across = spread_px(patches.sum(axis=1)), spread_px(patches.sum(axis=0))
    assert along == pytest.approx(length_px / np.sqrt(12) * np.cos(angle), rel=0.08, abs=0.05)
    assert across < 0.45 * along + 0.15


@pytest.mark.parametrize("noise", [0.004, 0.02])
def test_noise_has_the_drawn_deviation_and_no_bias(noise: float) -> None:
    camera = SiteCamera(width_px=300, height_px=240)
    seen = colors_of(GREY, f"noise={noise}", camera=camera)
    for c in range(3):
        dither = 1 / 12 + 1 / 12  # variance of dither and rounding, at most
        assert seen[..., c].var() == pytest.approx((noise * 255) ** 2 + dither, rel=0.06, abs=0.12)
        assert seen[..., c].mean() == pytest.approx(GREY, abs=0.12)


def test_noise_grows_with_light_and_repeats_nowhere() -> None:
    camera = SiteCamera(width_px=300, height_px=240)
    light = {}
    for level in (40, GREY, 180):
        light[level] = light_of(colors_of(level, "noise=0.02", camera=camera))
    deviations = [light[level].std() for level in (40, GREY, 180)]
    assert deviations[0] < 0.75 * deviations[1] < 0.55 * deviations[2]
    grain = light[GREY][..., 1] - light[GREY][..., 1].mean()
    spectrum = np.abs(np.fft.fft2(grain)) ** 2
    echo = np.fft.ifft2(spectrum).real / spectrum.mean()
    assert 0.15 < echo[0, 1] < 0.6  # neighbours are alike
    assert np.abs(echo[3:-3, 3:-3]).max() < 0.05


def test_haze_lifts_blacks_by_their_distance() -> None:
    depth_m = np.full((HEIGHT, WIDTH), 50.0, np.float32)
    depth_m[:, 80:] = 150.0
    narrow = SiteCamera(width_px=WIDTH, height_px=HEIGHT, field_of_view_deg=5)
    light = light_of(
        take_photo(card(0, depth_m), "haze=20", camera=narrow).rendered.colors.astype(float)
    )
    near, far = light[:, :70].mean(axis=(0, 1)), light[:, 90:].mean(axis=(0, 1))
    assert far / near == pytest.approx((1 - 0.8**1.5) / (1 - 0.8**0.5), rel=0.03)
    assert near[0] < near[1] < near[2], "it is bluish"


@pytest.mark.parametrize("vignette", [0.4, 1.5])
def test_a_vignette_darkens_the_corners_as_drawn(vignette: float) -> None:
    light = light_of(colors_of(grey_of(0.4), f"vignette={vignette}")).mean(axis=2)
    corners = [light[:3, :3], light[:3, -3:], light[-3:, :3], light[-3:, -3:]]
    assert np.mean(corners) / light[55:65, 75:85].mean() == pytest.approx(2.0**-vignette, rel=0.05)


@pytest.mark.parametrize("warmth", [-0.5, 0.4])
def test_warmth_is_the_ratio_of_red_to_blue(warmth: float) -> None:
    red, green, blue = light_of(colors_of(GREY, f"warmth={warmth}").mean(axis=(0, 1)))
    assert np.log2(red / blue) == pytest.approx(warmth, abs=0.03)
    assert 0.2126 * red + 0.7152 * green + 0.0722 * blue == pytest.approx(light_of(GREY), rel=0.02)


def test_saturation_spares_greys_and_can_take_all_colour() -> None:
    patch = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    patch[:] = (150, 110, 70)
    more = colors_of(patch, "saturation=30").mean(axis=(0, 1))
    assert more[0] - more[2] == pytest.approx(80 * 1.3, abs=1)
    assert np.ptp(colors_of(patch, "saturation=-100").mean(axis=(0, 1))) < 0.2
    assert colors_of(GREY, "saturation=60").mean() == pytest.approx(GREY, abs=0.2)


def test_contrast_turns_around_the_middle() -> None:
    dark, middle, bright = (colors_of(level, "contrast=30").mean() for level in (60, 127.5, 195))
    assert dark < 57 and bright > 198
    assert middle == pytest.approx(127, abs=1) and colors_of(0, "contrast=30").max() == 0
    assert colors_of(255, "contrast=30").min() == 255


def test_sharpening_overshoots_on_both_sides_of_an_edge() -> None:
    levels = np.full((HEIGHT, WIDTH), 90, np.uint8)
    levels[:, 80:] = 150
    overshoot = {}
    for amount in (0, 50, 100):
        profile = colors_of(levels, f"exposure=0,sharpening={amount}").mean(axis=(0, 2))
        overshoot[amount] = (90 - profile[79], profile[80] - 150)
        assert profile[:70] == pytest.approx(90, abs=0.3) and profile[90:] == pytest.approx(
            150, abs=0.3
        )
    fraction = 0.2442 + 0.0545  # of a Gaussian of 1 px beyond an edge
    assert overshoot[0] == pytest.approx((0, 0), abs=0.3)
    assert overshoot[50] == pytest.approx((30 * fraction, 30 * fraction), abs=0.4)
    assert overshoot[100] == pytest.approx((60 * fraction, 60 * fraction), abs=0.4)


def test_the_picture_s_edge_shows_no_seam() -> None:
    """Filters that read beyond the picture repeat its last pixel, and all rows are developed."""
    for effects in (
        "blur=3",
        "motion=12",
        "sharpening=200",
        "noise=0.004,blur=2,motion=4,sharpening=50",
    ):
        seen = colors_of(GREY, effects)
        border = np.concatenate(
            [seen[:3].ravel(), seen[-3:].ravel(), seen[:, :3].ravel(), seen[:, -3:].ravel()]
        )
        assert border.mean() == pytest.approx(GREY, abs=0.3) and np.abs(border - GREY).max() <= 10


def test_tint_moves_green_alone() -> None:
    red, green, blue = light_of(colors_of(GREY, "tint=0.3").mean(axis=(0, 1)))
    assert np.log2(green / red) == pytest.approx(0.3, abs=0.03) and red == pytest.approx(
        blue, rel=0.02
    )
