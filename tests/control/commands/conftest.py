"""Rigs for commands of presets and of shaders."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.render.isf.isf_file import ShaderSlot
from osc_schema.fx import file_address
from tests.control.commands.shader_rig import Rig, shader
from tests.control.commands.show_rig import BRIGHTNESS, PresetRig, saved


@pytest.fixture
def preset_rig(tmp_path: Path, reports: Any) -> Iterator[PresetRig]:
    rig = PresetRig(tmp_path, reports)
    yield rig
    rig.close()


@pytest.fixture
def looks(preset_rig: PresetRig) -> PresetRig:
    """A rig with the presets night, on screen, day and noon: brightness 0.5, 2 and 3."""
    for name, brightness in (("night", 0.5), ("day", 2.0), ("noon", 3.0)):
        saved(preset_rig, name, **{BRIGHTNESS: brightness})
    preset_rig.done("/preset/load", "night")
    preset_rig.messages.clear()
    return preset_rig


@pytest.fixture
def shader_rig(
    tmp_path: Path, reports: Any, wait_for: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Rig]:
    monkeypatch.setattr("engine.params.shader_catalog.POLL_S", 0.02)
    for name in ("Glow", "Wave"):
        (tmp_path / f"{name}.fs").write_text(shader(2.5 if name == "Glow" else 7.5))
    (tmp_path / "Sky.fs").write_text(shader(image=False))
    (tmp_path / "Dawn.fs").write_text(shader(5.0, image=False))
    (tmp_path / "Broken.fs").write_text(shader(more="#error"))
    created = Rig(tmp_path, reports)
    wait_for(lambda: created.control.catalog.has_read_all, "the scan")
    yield created
    created.control.close()


@pytest.fixture
def play(shader_rig: Rig, wait_for: Any) -> Callable[..., dict[str, ShaderSlot]]:
    def play(name: str, slot: str = "1") -> dict[str, ShaderSlot]:
        shader_rig.store.set(file_address(slot), name, by="test")
        shader_rig.frame()
        wait_for(lambda: shader_rig.is_playing(name, slot), "the shader")
        return shader_rig.frame()

    return play
