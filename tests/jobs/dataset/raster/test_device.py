"""Errors of the GL driver are reported in one line."""

import pytest

from engine.errors import RenderError
from engine.jobs.dataset.raster.device import open_device


def test_too_little_memory_is_named() -> None:
    with pytest.raises(RenderError, match="GL_OUT_OF_MEMORY: too little memory") as caught, open_device() as device:
        device.kept(device.context.buffer(reserve=10**13))
    assert "\n" not in str(caught.value)


def test_a_target_too_large_is_a_render_error() -> None:
    with pytest.raises(RenderError, match="framebuffer is not complete") as caught, open_device() as device:
        device.framebuffer([device.texture((10 * device.largest_px, 8), 4)])
    assert "\n" not in str(caught.value)


def test_a_context_opens_again_after_one_that_failed() -> None:
    with pytest.raises(RenderError), open_device() as device:
        device.framebuffer([])
    with open_device() as device:
        assert device.name
