"""Over OSC only the models and pictures of this run can be chosen."""

from pathlib import Path

import pytest

from engine.live.sd.entry import SdConfig, model_path, picture_path
from osc_schema import Rejected
from tests.live.stores import store_for


@pytest.mark.parametrize(
    ("address", "value", "what"),
    [
        ("/sd/enable", 1, "multiverse run --sd MODEL"),
        ("/sd/controlnet/1/enable", 1, "no ControlNet 1 is configured"),
        (
            "/sd/controlnet/1/source",
            "depth",
            "--sd-depth depth-anything/Depth-Anything-V2-Small-hf",
        ),
        ("/sd/controlnet/2/source", "pose", "--sd-pose usyd-community/vitpose-base-simple"),
        ("/sd/controlnet/2/from", "second", "--sd-second FILE"),
        ("/sd/lora/3/weight", 0.5, "no LoRA 3 is configured"),
        ("/sd/ip_adapter/image_d", "face.png", "no IP-Adapter is configured"),
        ("/sd/ip_adapter/live", "second", "no second picture is configured"),
        ("/sd/model", "other", "no model folders are configured"),
        ("/sd/t_index", "45 32", "increasing numbers"),
        ("/sd/source", "video", "--sd-video FILE"),
        ("/sd/upscale", "2x", "no upscaler is configured"),
        ("/sd/source", "camera", "--camera INDEX"),
    ],
)
def test_values_that_need_configuration_are_refused_with_the_setting_to_add(
    address: str, value: object, what: str
) -> None:
    store = store_for("sd", SdConfig())
    before = store.get(address)
    with pytest.raises(Rejected, match=address) as refusal:
        store.set(address, value)
    assert what in str(refusal.value) and "\n" not in str(refusal.value)
    assert store.get(address) == before


def test_configured_values_are_accepted() -> None:
    config = SdConfig(
        model="a", controlnets=("c",), ip_adapter="d", video="e.mp4", second="f.mp4", pose="g"
    )
    store = store_for("sd", config, has_camera=True)
    control = {"enable": True, "from": "second", "source": "pose"}
    values = {f"/sd/controlnet/1/{name}": value for name, value in control.items()}
    values |= {
        "/sd/enable": True,
        "/layer/5/source": "sd",
        "/sd/ip_adapter/live": "second",
        "/sd/source": "video",
    }
    assert not [
        each
        for each in store.set_many(list(values.items()), by="test")
        if isinstance(each, Rejected)
    ]


def test_models_and_pictures_are_found_only_in_their_folders(tmp_path: Path) -> None:
    models, pictures = tmp_path / "models", tmp_path / "pictures"
    (models / "turbo").mkdir(parents=True)
    pictures.mkdir()
    (pictures / "face.png").touch()
    (tmp_path / "secret.png").touch()
    config = SdConfig(
        model="/anywhere/base", ip_adapter="x", folders=(str(models),), pictures=str(pictures)
    )
    assert model_path(config, "turbo") == str((models / "turbo").resolve())
    assert model_path(config, "") == "/anywhere/base"
    assert picture_path(config, "face.png") == str((pictures / "face.png").resolve())
    store = store_for("sd", config)
    for address, name in [
        ("/sd/model", "../secret.png"),
        ("/sd/model", "/etc"),
        ("/sd/model", ".."),
        ("/sd/model", "none"),
        ("/sd/ip_adapter/image", "../secret.png"),
        ("/sd/ip_adapter/image_d", "../secret.png"),
        ("/sd/ip_adapter/image", str(tmp_path / "secret.png")),
    ]:
        with pytest.raises(Rejected, match=address):
            store.set(address, name)
