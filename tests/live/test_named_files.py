"""File names sent to children: a link keeps its own name. The Hugging Face cache has links to
hashes."""

from pathlib import Path

from engine.live.rvc import link as voice_spec
from engine.live.rvc.entry import RvcConfig
from engine.live.sam3 import link as segmentation_spec
from engine.live.sam3.entry import Sam3Config
from engine.live.sd import link as diffusion_spec
from engine.live.sd.entry import SdConfig, model_path
from tests.support.links import link_or_copy


def test_a_file_of_the_hugging_face_cache_keeps_its_name_and_suffix(tmp_path: Path) -> None:
    blob, snapshot = tmp_path / "blobs" / ("0" * 64), tmp_path / "snapshots" / "main"
    for folder in (blob.parent, snapshot):
        folder.mkdir(parents=True)
    blob.write_bytes(b"weights")
    for name in ("sdxl_lightning_4step.safetensors", "voice.pth"):
        link_or_copy(snapshot / name, blob)
    model, voice = snapshot / "sdxl_lightning_4step.safetensors", snapshot / "voice.pth"
    config = SdConfig(
        model=str(model), vae=str(model), controlnets=(str(model),), folders=(str(snapshot),)
    )
    spec = diffusion_spec.spec_of(config, config.model)
    assert (spec.model, spec.vae, spec.controlnets) == (str(model), str(model), (str(model),))
    assert model_path(config, model.name) == str(model)
    assert voice_spec.spec_of(RvcConfig(model=str(voice))).model == str(voice)
    assert segmentation_spec.spec_of(Sam3Config(model=str(model))).model == str(model)
