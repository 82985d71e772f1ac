"""Each replica of a published voice is checked, loaded and spoken with, or refused with the same
line by both."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.index_choice import choose_index
from engine.models.rvc.load import load
from tests.support.replicas.replica import Refused, assert_refused_alike, folders_in, parametrized
from tests.support.replicas.voices import REPLICAS, Speaks


@pytest.fixture
def spec(
    request: Any, tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch
) -> VoiceSpec:
    """The spec of the replica that the test is run with, with the index that every command takes by
    default."""
    built: VoiceSpec = request.param.build(folders_in(tmp_path, tiny_models, monkeypatch))
    choice = choose_index(built.model, "")
    return replace(built, index=choice.index, index_note=choice.note)


@parametrized(REPLICAS, Speaks)
def test_its_headers_identify_it_and_it_loads_with_its_own_hubert(
    spec: VoiceSpec, expect: Speaks
) -> None:
    report = check(spec)
    assert report.missing == () and report.vectors == expect.vectors
    model = load(spec, "cpu", "float32")
    assert model.notes == report.notes and len(model.notes) == len(expect.says)
    for phrase in expect.says:
        assert phrase in "\n".join(report.notes)
    assert model.spec.content == expect.content
    assert (model.retrieval is not None) == bool(expect.vectors)
    features = model.content(torch.zeros(1, 1600), version=model.version)
    assert features.shape == (1, 4, 768) and features.isfinite().all()


@parametrized(REPLICAS, Refused)
def test_it_is_refused_in_one_line_with_an_alternative(spec: VoiceSpec, expect: Refused) -> None:
    assert_refused_alike(
        expect, spec.model, lambda: check(spec), lambda: load(spec, "cpu", "float32")
    )
