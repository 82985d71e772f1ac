"""The replacement for torchaudio."""

import sys

import pytest

from engine.models import torchaudio_stub


def test_the_replacement_has_the_names_that_transformers_and_torchfcpe_import() -> None:
    torchaudio_stub.register()
    import torchaudio
    import transformers.audio_utils
    from torchaudio.transforms import Resample

    assert torchaudio is sys.modules["torchaudio"] is transformers.audio_utils.torchaudio
    assert torchaudio.__spec__.name == "torchaudio"
    with pytest.raises(NotImplementedError, match="torchaudio"):
        Resample(48_000, 16_000)


def test_a_torchaudio_that_is_loaded_already_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchaudio", loaded := type(sys)("torchaudio"))
    torchaudio_stub.register()
    assert sys.modules["torchaudio"] is loaded
