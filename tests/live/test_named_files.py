"""File names sent to children: a link keeps its own name. The Hugging Face cache consists of links to files whose names
are hashes."""

from pathlib import Path
from pkgutil import resolve_name

from engine.live.kit.live_model import ListAsked
from engine.live.rvc import link as voice_spec
from engine.live.rvc.entry import ENTRY as RVC
from engine.live.rvc.entry import RvcConfig
from engine.live.sam3 import link as segmentation_spec
from engine.live.sam3.entry import Sam3Config
from engine.live.sd import link as diffusion_spec
from engine.live.sd.entry import SdConfig, model_named
from engine.live.sd.folders import MODELS, models_in
from engine.params import ParamStore


def test_a_file_of_the_hugging_face_cache_keeps_its_name_and_suffix(tmp_path: Path) -> None:
    blob, snapshot = tmp_path / "blobs" / ("0" * 64), tmp_path / "snapshots" / "main"
    for folder in (blob.parent, snapshot):
        folder.mkdir(parents=True)
    blob.write_bytes(b"weights")
    for name in ("sdxl_lightning_4step.safetensors", "voice.pth"):
        (snapshot / name).symlink_to(blob)
    model, voice = snapshot / "sdxl_lightning_4step.safetensors", snapshot / "voice.pth"
    config = SdConfig(model=str(model), vae=str(model), controlnets=(str(model),), folders=(str(snapshot),))
    spec = diffusion_spec.spec_of(config, config.model)
    assert (spec.model, spec.vae, spec.controlnets) == (str(model), str(model), (str(model),))
    assert model_named(config, model.name) == str(model)
    assert voice_spec.spec_of(RvcConfig(model=str(voice))).model == str(voice)
    assert segmentation_spec.spec_of(Sam3Config(model=str(model))).model == str(model)


def test_the_listed_models_are_those_that_can_be_named(tmp_path: Path) -> None:
    (tmp_path / "turbo").mkdir()
    (tmp_path / "turbo" / "model_index.json").touch()
    (tmp_path / "notes").mkdir()
    for name in ("merge.safetensors", "voice.pth", "readme.txt", ".hidden.safetensors"):
        (tmp_path / name).touch()
    folders = (str(tmp_path / "gone"), str(tmp_path))
    config = SdConfig(folders=folders)
    names = list(models_in(MODELS, folders))
    assert names == ["merge.safetensors", "turbo"]
    assert [model_named(config, name) for name in names] == [str(tmp_path / name) for name in names]
    asked = ListAsked(table=RvcConfig(folders=folders), value=ParamStore().get, facts={})
    voices = [word for word, _, _ in resolve_name(RVC.lists["/rvc"])("/rvc", asked)]
    assert voices == ["", "merge.safetensors", "voice.pth"]
