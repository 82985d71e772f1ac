"""The SAM3 that a child must load, from the configuration."""

import shutil
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.live.sam3.entry import Sam3Config
from engine.live.sam3.link import require_complete, spec_of


def test_a_broken_model_is_refused_in_one_line_that_names_it_once(tiny_sam3: Path, tmp_path: Path) -> None:
    broken = shutil.copytree(tiny_sam3, tmp_path / "sam3")
    (broken / "model.safetensors").unlink()
    with pytest.raises(ModelError) as refusal:
        require_complete(spec_of(Sam3Config(model=str(broken))))
    line = str(refusal.value)
    assert line.startswith(f"{broken}: has no weights") and line.count(str(broken)) == 1 and "\n" not in line
