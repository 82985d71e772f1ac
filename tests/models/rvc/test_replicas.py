"""Each replica of a published voice is checked, loaded and run, or refused by both with the same line."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from engine.errors import ModelError
from engine.models.rvc import VoiceSpec
from engine.models.rvc.check import check
from engine.models.rvc.index_choice import index_for
from engine.models.rvc.load import load
from tests.support.replicas.replica import Refused, Shelf
from tests.support.replicas.voices import REPLICAS, Speaks


@pytest.fixture
def spec(request: Any, tmp_path: Path, tiny_models: Any, monkeypatch: pytest.MonkeyPatch) -> VoiceSpec:
    """The spec of the tested replica, with the index that every command chooses by default."""
    shelf = Shelf(folder=tmp_path / "shelf", tiny=tiny_models, hub=tmp_path / "hub")
    shelf.folder.mkdir()
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(shelf.hub))
    built = request.param.build(shelf)
    choice = index_for(built.model, "")
    return replace(built, index=choice.index, index_note=choice.note)


def parametrized(kind: type) -> Any:
    chosen = [replica for replica in REPLICAS if isinstance(replica.expect, kind)]
    return pytest.mark.parametrize(
        ("spec", "expect"),
        [(replica, replica.expect) for replica in chosen],
        ids=[replica.name for replica in chosen],
        indirect=["spec"],
    )


@parametrized(Speaks)
def test_it_is_recognised_by_its_headers_and_loads_with_its_own_hubert(spec: VoiceSpec, expect: Speaks) -> None:
    torch.set_num_threads(1)
    report = check(spec)
    assert report.missing == () and report.vectors == expect.vectors
    model = load(spec, "cpu", "float32")
    assert model.notes == report.notes and len(model.notes) == len(expect.says)
    for words in expect.says:
        assert words in "\n".join(report.notes)
    assert model.spec.content == expect.content
    assert (model.retrieval is not None) == bool(expect.vectors)
    heard = model.content(torch.zeros(1, 1600), version=model.version)
    assert heard.shape == (1, 4, 768) and heard.isfinite().all()


@parametrized(Refused)
def test_it_is_refused_in_one_line_that_says_what_to_use(spec: VoiceSpec, expect: Refused) -> None:
    line = refusal(spec)
    assert "\n" not in line
    for words in expect.says:
        assert words in line
    with pytest.raises(ModelError) as raised:
        load(spec, "cpu", "float32")
    assert str(raised.value) == line


def refusal(spec: VoiceSpec) -> str:
    """The error line of `check`, raised or in its report."""
    try:
        (line,) = check(spec).missing
    except ModelError as error:
        return str(error)
    return line
