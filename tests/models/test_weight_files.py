"""The weight files that an index names."""

import json
from pathlib import Path

import pytest

from engine.errors import ModelError
from engine.models.weight_files import weights_in


@pytest.mark.parametrize("name", ["COM1.safetensors", "nul", "sub/con.bin"])
def test_an_index_that_names_a_device_of_windows_is_refused_everywhere(name: str, tmp_path: Path) -> None:
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"a": "model-1.safetensors", "b": name}}))
    with pytest.raises(ModelError, match="which Windows reserves for a device; rename it") as caught:
        weights_in(tmp_path)
    assert str(caught.value).startswith(f"{index}: names {name!r}")
