"""A ControlNet Union paints as diffusers' network does with the kind that is chosen."""

from pathlib import Path
from typing import Any

import pytest
import torch

from engine.live.sd.painter import Painter
from engine.live.sd.settings import read_settings
from engine.models.sd import ModelSpec
from engine.models.sd.load import load
from engine.models.sd.union import KINDS
from tests.conftest import TinyModels
from tests.live.sd.studio import BASE, source_picture


@pytest.fixture(scope="module")
def model(tiny_sd: Path, tiny_models: TinyModels) -> Any:
    """With a union of six kinds, and a plain ControlNet."""
    nets = (tiny_models.controlnet(tiny_sd, kinds=6), tiny_models.controlnet(tiny_sd))
    return load(ModelSpec(model=str(tiny_sd), controlnets=tuple(map(str, nets))), "cpu", "float32")


def test_each_kind_is_a_view_of_the_same_weights_and_says_what_diffusers_does(
    model: Any, tiny_sd: Path, tiny_models: TinyModels
) -> None:
    from diffusers import ControlNetUnionModel

    folder = tiny_models.controlnet(tiny_sd, kinds=6)
    theirs = ControlNetUnionModel.from_pretrained(folder, local_files_only=True).eval()
    assert model.controlnet_count == 2 and list(model.union_views) == [(0, kind) for kind in KINDS[:6]]
    z, text, picture = torch.ones(2, 4, 8, 8), torch.ones(2, 77, 32), torch.rand(2, 3, 64, 64)
    for number, kind in enumerate(KINDS[:6]):
        view, kinds = model.controlnets[model.union_views[0, kind]], torch.eye(6)[[number, number]]
        shown = {"encoder_hidden_states": text, "added_cond_kwargs": {}, "return_dict": False}
        t = torch.tensor([400, 400])
        with torch.no_grad():
            ours = view(z, t, controlnet_cond=picture, conditioning_scale=torch.tensor(0.5), **shown)
            given = {"controlnet_cond": [picture], "control_type": kinds, "control_type_idx": [number]}
            expected = theirs(z, t, conditioning_scale=[0.5], **given, **shown)
        for said, other in zip((*ours[0], ours[1]), (*expected[0], expected[1]), strict=True):
            assert torch.allclose(said, other, atol=1e-4)
    views = [model.controlnets[index] for index in model.union_views.values()]
    assert len({next(view.parameters()).data_ptr() for view in views}) == 1
    plain = load(ModelSpec(model=str(tiny_sd), controlnets=(str(folder),)), "cpu", "float32")
    weights = sum(each.nbytes for each in (*theirs.parameters(), *theirs.buffers()))
    alone = load(ModelSpec(model=str(tiny_sd)), "cpu", "float32")
    assert plain.memory_bytes() - alone.memory_bytes() == weights, "the views cost no memory"


def test_the_mode_chooses_the_kind_and_one_that_is_not_there_is_told(model: Any) -> None:
    notes: list[str] = []
    painter = Painter(model, note=lambda key, line: notes.append(line))

    def painted(number: int = 1, **control: object) -> bytes:
        values = {f"/sd/controlnet/{number}/{name}": value for name, value in {"enable": True, **control}.items()}
        painter.take(read_settings(BASE | {"/sd/mode": "single"} | values))
        picture = painter.paint(source_picture(0))
        assert picture is not None
        return picture.pixels.tobytes()

    by_mode = {mode: painted(mode=mode) for mode in ("auto", *KINDS[:6])}
    assert by_mode["auto"] == by_mode["edges"], "of its own picture, tile; it has none"
    assert len(set(by_mode.values())) == 6 and not notes
    assert painted(source="soft") == painted(source="soft", mode="soft") != painted(source="soft", mode="depth")
    assert painted(mode="tile") == by_mode["edges"]
    assert notes == ["/sd/controlnet/1/mode tile: ControlNet 1: it has no such mode, and sees edges"]
    assert painted(2, mode="depth") == painted(2)
    assert notes[1:] == ["/sd/controlnet/2/mode depth: ControlNet 2: no effect, because it is no union"]
