"""Segments of few pictures, so that a short video has several."""

import pytest

from engine.jobs.video.writing import segmented_video


@pytest.fixture(autouse=True)
def short_segments(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segmented_video, "SEGMENT_PICTURES", getattr(request.module, "SEGMENT", 4))
