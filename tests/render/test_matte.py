"""Mattes: layer 5 reduced to the objects that SAM3 found, or to the background."""

from collections.abc import Callable
from itertools import product
from typing import Any

import numpy as np

from engine.render.masks import coverage
from engine.render.picture import Matte, Renderer
from tests.benchmarks.render_reference import bilinear, cover_coordinates, draw_reference, unmirror

SIZE = (160, 90)
SIMPLE = {"/mode": "simple"}
WHITE = np.full((48, 64, 3), 255, np.uint8)
PICTURES = {
    "as large": ((64, 48), (64, 48)),
    "square of a wide one": ((64, 64), (1280, 720)),
    "wide of a tall one": ((90, 40), (480, 640)),
    "the picture's own": (SIZE, SIZE),
}
LOOKS: dict[str, dict[str, Any]] = {
    "added": {"/layer/5/intensity": 0.6},
    "dodged": {"/layer/5/intensity": 0.8, "/multiverse/blend": 3.0, "/layer/5/mirror": True},
    "kaleidoscope": {"/layer/5/intensity": 0.7, "/mirror/mode": "kaleidoscope"},
    "regions": {
        "/layer/5/intensity": 0.5,
        "/region/enable": True,
        "/region/spread": 0.2,
        "/multiverse/blend": 1.5,
    },
    "luma, clipped": {
        "/layer/5/intensity": 1.0,
        "/multiverse/alpha": "luma",
        "/multiverse/tone": "clip",
    },
    "layer 5 alone": {"/layer/5/intensity": 1.0} | {f"/layer/{n}/mute": True for n in (1, 2, 3, 4)},
    "everything": {
        "/layer/5/intensity": 0.5,
        "/mirror/mode": "xy",
        "/multiverse/blend": 2.5,
        "/feedback/amount": 0.6,
    }
    | {"/region/enable": True, "/layer/2/curve": 0.4, "/layer/5/mirror": True},
}


def levels(probabilities: np.ndarray) -> np.ndarray:
    return np.rint(255 * probabilities).astype(np.uint8)


def mask_of(
    matte: Matte, values: dict[str, Any], layer5_px: tuple[int, int], size: tuple[int, int] = SIZE
) -> np.ndarray:
    """Values of the matte's mask, (height, width) 0..1: from picture to layer 5, segmented picture,
    texels."""
    width, height = size
    x = np.arange(width, dtype=np.float32)[None, :] + np.float32(0.5) - np.float32(width / 2)
    y = np.arange(height, dtype=np.float32)[:, None] + np.float32(0.5) - np.float32(height / 2)
    x, y = unmirror(values, *np.broadcast_arrays(x, y), width, height)
    column, row = cover_coordinates(*layer5_px, values["/layer/5/mirror"], x, y, width, height)
    picture_px, side = matte.segmentation.picture_px, matte.segmentation.masks.shape[1]
    column, row = cover_coordinates(
        *picture_px,
        False,
        column - np.float32(layer5_px[0] / 2),
        row - np.float32(layer5_px[1] / 2),
        *layer5_px,
    )
    joined = matte.segmentation.masks.max(axis=0, initial=0)
    value = bilinear(
        joined[..., None].repeat(3, axis=-1),
        column * side / picture_px[0],
        row * side / picture_px[1],
    )[0]
    covered = coverage(value, is_hard=matte.is_hard)
    return covered if matte.keeps == "subject" else 1 - covered


def agree(one: np.ndarray, other: np.ndarray) -> bool:
    return bool((np.abs(one.astype(float) - other) <= 2).mean(axis=(0, 1)).min() >= 0.99)


def test_in_simple_mode_the_matte_follows_the_picture(
    gl: Renderer,
    cpu: Renderer,
    draw: Callable,
    values: Callable,
    found: Callable,
    smooth_masks: Callable,
) -> None:
    for is_mirrored in [False, True]:
        for layer5_px, picture_px in PICTURES.values():
            seen = found(levels(smooth_masks(3, 48)), picture_px=picture_px)
            look = SIMPLE | {"/layer/5/mirror": is_mirrored}
            card = (
                np.random.default_rng(1)
                .integers(0, 256, (6, 8, 3), dtype=np.uint8)
                .repeat(20, 0)
                .repeat(20, 1)
            )
            card = np.ascontiguousarray(card[: layer5_px[1], : layer5_px[0]])
            whole = draw_reference(
                values(look), np.zeros((4, 1024)), (440,) * 4, *SIZE, layer5=card
            )
            for keeps, is_hard in product(("subject", "background"), (False, True)):
                matte = Matte(segmentation=seen, keeps=keeps, is_hard=is_hard)
                fraction = mask_of(matte, values(look), card.shape[1::-1])
                assert 0.1 < (fraction > 0.5).mean() < 0.95, is_mirrored
                for renderer in (gl, cpu):
                    rgba = draw(renderer, look, size=SIZE, layer5=card, matte=matte)
                    assert (
                        agree(rgba[..., :3], whole[..., :3] * fraction[..., None])
                        and (rgba[..., 3] == 255).all()
                    )


def test_opengl_and_numba_apply_the_same_matte_and_leave_the_rest_unchanged(
    gl: Renderer,
    cpu: Renderer,
    draw: Callable,
    values: Callable,
    found: Callable,
    smooth_masks: Callable,
) -> None:
    for look in LOOKS.values():
        seen = found(levels(smooth_masks(4, 96, seed=2)), picture_px=(640, 480))
        regions = (
            np.random.default_rng(3)
            .integers(0, 4, (9, 16), dtype=np.uint8)
            .repeat(5, 0)
            .repeat(5, 1)
        )
        card = (
            np.random.default_rng(4)
            .integers(0, 256, (9, 16, 3), dtype=np.uint8)
            .repeat(8, 0)
            .repeat(8, 1)
        )
        inputs = {"layer5": card, "region": regions}
        # With hard edges each pixel has all or none of layer 5, as in pictures without a matte.
        extremes = [
            [
                draw(renderer, one, size=SIZE, **inputs).astype(int)
                for one in (look, look | {"/layer/5/intensity": 0.0})
            ]
            for renderer in (gl, cpu)
        ]
        assert np.abs(extremes[0][0] - extremes[0][1]).max() > 30, look
        for keeps in ("subject", "background"):
            matte = Matte(segmentation=seen, keeps=keeps, is_hard=False)
            assert agree(
                *[draw(renderer, look, size=SIZE, **inputs, matte=matte) for renderer in (gl, cpu)]
            ), look
            matte = Matte(segmentation=seen, keeps=keeps, is_hard=True)
            is_used = mask_of(matte, values(look), card.shape[1::-1])[..., None] > 0.5
            for renderer, (whole, without) in zip((gl, cpu), extremes, strict=True):
                assert agree(
                    draw(renderer, look, size=SIZE, **inputs, matte=matte),
                    np.where(is_used, whole, without),
                )


def test_a_matte_without_objects_or_without_layer_5_is_plain(
    renderer: Renderer, draw: Any, found: Any
) -> None:
    for keeps, level in [("subject", 0), ("background", 255)]:
        matte = Matte(segmentation=found([]), keeps=keeps, is_hard=False)
        assert (
            draw(renderer, SIMPLE, size=(32, 18), layer5=WHITE, matte=matte)[..., :3] == level
        ).all(), keeps
    matte = Matte(segmentation=found([np.zeros((32, 32))]), keeps="subject", is_hard=False)
    for look, more in (({}, {"layer5": WHITE}), ({"/layer/5/intensity": 1.0}, {})):
        expected = draw(renderer, look, size=(64, 36), **more).copy()
        assert (draw(renderer, look, matte=matte, **more) == expected).all()


def test_a_matte_can_be_added_changed_and_removed(
    renderer: Renderer, draw: Any, found: Any, f_card: Any
) -> None:
    is_letter = f_card(48, 48)[..., 0] == 160
    letter = found([255 * is_letter], picture_px=(48, 48))
    white = np.full((48, 48, 3), 255, np.uint8)
    renderer.resize(48, 48)
    for seen, keeps, is_white in (
        (letter, "subject", is_letter),
        (letter, "background", ~is_letter),
        (None, "subject", np.ones((48, 48), bool)),
        (found([255 * is_letter.T], picture_px=(48, 48)), "subject", is_letter.T),
        (
            found([np.full((96, 96), 255)], picture_px=(48, 48)),
            "background",
            np.zeros((48, 48), bool),
        ),
        (letter, "subject", is_letter),
    ):
        matte = None if seen is None else Matte(segmentation=seen, keeps=keeps, is_hard=True)
        assert (
            draw(renderer, SIMPLE, layer5=white, matte=matte)[..., :3] == 255 * is_white[..., None]
        ).all()


def test_objects_found_in_the_finished_picture_keep_their_position(
    renderer: Renderer, draw: Any, found: Any
) -> None:
    """Layer 5 is square, the picture is wide: a mask cropped or mirrored with layer 5 would be
    misplaced."""
    for is_mirrored in [False, True]:
        masks = np.zeros((1, 32, 32), np.uint8)
        masks[:, :, 24:] = 255
        matte = Matte(
            segmentation=found(masks, picture_px=(128, 72)),
            keeps="subject",
            is_hard=True,
            is_of_finished=True,
        )
        square = np.full((64, 64, 3), 255, np.uint8)
        look = SIMPLE | {"/layer/5/mirror": is_mirrored}
        row = draw(renderer, look, size=(128, 72), layer5=square, matte=matte)[36, :, 0]
        assert row[:96].max() == 0 and row[96:].min() == 255, is_mirrored
