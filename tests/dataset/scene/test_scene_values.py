"""Random streams, and the camera in manifests and label files."""

import json

import numpy as np
import pytest

from engine.dataset.scene.camera import SiteCamera, camera_values
from engine.dataset.scene.streams import stream

CRC_32 = 3363197873  # of b"terrain"


def test_a_stream_is_the_same_in_every_process_and_on_every_machine() -> None:
    plain = np.random.Generator(np.random.PCG64(np.random.SeedSequence(1000, spawn_key=(CRC_32,))))
    known = [681916870, 2098458682, 1234226013]
    assert stream(1000, "terrain").integers(2**32, size=3).tolist() == known
    assert plain.integers(2**32, size=3).tolist() == known


def test_no_two_pairs_of_a_seed_and_a_scene_share_a_stream() -> None:
    """SeedSequence itself cuts every number into words of 32 bits, and puts these one after
    another."""
    numbers = [
        0,
        1,
        2,
        2**32 - 1,
        2**32,
        2**32 + 1,
        2**64,
        2**64 + 2**32,
        1_790_000_000_123,
        2**96 + 1,
    ]
    pairs = [(seed, scene) for seed in numbers for scene in (0, 1, 2, 416)]
    pairs += [(1_790_000_000_123 % 2**32, 1_790_000_000_123 // 2**32)]
    assert len({int(stream(pair, "light").integers(2**63)) for pair in pairs}) == len(pairs)
    assert len({int(stream((*pair, 5), "light").integers(2**63)) for pair in pairs}) == len(pairs)


def test_seeds_of_32_bits_have_the_streams_that_they_always_had() -> None:
    for seed in ((0, 0), (7, 3), (2**32 - 1, 9_999_999), (7, 3, 1)):
        plain = np.random.Generator(
            np.random.PCG64(np.random.SeedSequence(list(seed), spawn_key=(CRC_32,)))
        )
        assert (
            stream(seed, "terrain").integers(2**32, size=3).tolist()
            == plain.integers(2**32, size=3).tolist()
        )


def test_a_reader_projects_points_with_the_written_matrices() -> None:
    camera = SiteCamera(
        width_px=640,
        height_px=480,
        height_m=60,
        field_of_view_deg=70,
        x_m=3,
        y_m=-8,
        yaw_deg=50,
        pitch_deg=35,
        roll_deg=9,
    ).window(200, -30, 300, 260)
    values = json.loads(json.dumps(camera_values(camera)))
    points = np.array([[4.0, 20.0, 1.0], [-6.0, 45.0, -2.0]])
    inside = (points - values["place"]) @ np.array(values["rotation"]).T
    assert np.linalg.det(values["rotation"]) == pytest.approx(1)
    columns = values["cx"] + values["fx"] * inside[:, 0] / inside[:, 2]
    rows = values["cy"] + values["fy"] * inside[:, 1] / inside[:, 2]
    np.testing.assert_allclose(
        np.stack([columns, rows], axis=1), camera.pixel_of(points), atol=1e-6
    )
    assert (values["width"], values["height"], values["altitude_m"]) == (300, 260, 60)
    assert values["gsd_cm"] == pytest.approx(100 * 60 / values["fx"])
    assert "overlap" not in values
