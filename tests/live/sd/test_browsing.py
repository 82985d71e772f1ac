"""The entries of the model lists, read from headers in folders such as those of ComfyUI and the
WebUI."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from pkgutil import resolve_name

import numpy as np
import pytest
from safetensors.numpy import save_file

from engine.live.kit.live_model import ListEntry, ListRequest
from engine.live.sd.entry import ENTRY, SdConfig, model_path, part_path, picture_path
from engine.live.sd.header_program import HeaderReader, Question, summary_of
from engine.params import ParamStore
from tests.support.tiny_models import build_tiny_controlnet

SD15, XL = 768, 2048  # width of the texts
READ_BY_PROCESS = HeaderReader.read


@pytest.fixture(autouse=True)
def read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Read model headers in this process, without a worker process for each list."""
    monkeypatch.setattr(HeaderReader, "read", lambda reader, question: summary_of(question))


def lora(path: Path, text_width: int) -> Path:
    """A LoRA that changes one layer of the cross-attention."""
    path.parent.mkdir(parents=True, exist_ok=True)
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k"
    shapes = {f"{layer}.lora_down.weight": (4, text_width), f"{layer}.lora_up.weight": (320, 4)}
    save_file({name: np.zeros(shape, np.float32) for name, shape in shapes.items()}, path)
    return path


def listed(
    at: str, *folders: Path, facts: Mapping[str, object] | None = None, **values: str
) -> list[ListEntry]:
    """The entries of AT/list of a run with these folders. `facts`: what the child reports of the
    model in use."""
    config, store = SdConfig(model="base", folders=tuple(map(str, folders))), ParamStore()
    for name, value in values.items():
        store.set(f"/sd/{name.replace('__', '/')}", value)
    request = ListRequest(table=config, value=store.get, facts=facts or {})
    return list(resolve_name(ENTRY.lists[at])(at, request))


def test_a_model_is_listed_with_its_family_sampler_and_memory(
    tiny_sd: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_sd, tmp_path / "dream")
    configured, entry = listed("/sd", tmp_path, model="dream")
    assert configured == ("", "as configured: base", False)
    assert entry == ("dream", "dream (SD 1.5, lcm, needs 0.0 GiB)", True)
    full = {
        "device": "cuda:0",
        "dtype": "float16",
        "card_free_mb": 100,
        "card_mb": 8000,
        "memory_mb": 0,
    }
    assert listed("/sd", tmp_path, facts=full)[1][1].endswith(
        "needs 0.0 GiB, more than the 0.0 GiB there are)"
    )
    assert listed("/sd", tmp_path, facts=full | {"memory_mb": 1000})[1] == (*entry[:2], False), (
        "in place of its own"
    )


@pytest.mark.parametrize(
    ("checkpoints", "loras", "nets", "embeddings"),
    [
        ("models/checkpoints", "models/loras/styles", "models/controlnet", "models/embeddings"),
        ("models/Stable-diffusion", "models/Lora", "models/ControlNet", "embeddings"),
    ],
)
def test_the_folders_of_comfyui_and_of_the_webui_are_known(
    tiny_sd: Path, tmp_path: Path, checkpoints: str, loras: str, nets: str, embeddings: str
) -> None:
    shutil.copytree(tiny_sd, tmp_path / checkpoints / "dream")
    lora(tmp_path / loras / "glow.safetensors", SD15)
    build_tiny_controlnet(tmp_path / nets / "edges", tiny_sd)
    embedding = tmp_path / embeddings / "word.safetensors"
    embedding.parent.mkdir(parents=True, exist_ok=True)
    save_file({"emb_params": np.zeros((2, SD15), np.float32)}, embedding)
    folder = tmp_path
    assert [name for name, *_ in listed("/sd", folder)] == ["", "dream"]
    assert listed("/sd/loras", folder) == [
        ("glow.safetensors", "glow.safetensors (for SD 1.5)", False)
    ]
    assert [name for name, *_ in listed("/sd/controlnets", folder)] == ["edges"]
    assert listed("/sd/embeddings", folder) == [
        ("word.safetensors", "word.safetensors (for SD 1.5, word word)", False)
    ]
    assert all(
        listed(f"/sd/{kind}", folder) == []
        for kind in ("vaes", "unets", "ip_adapters", "upscalers")
    )
    config = SdConfig(folders=(str(folder),))
    assert model_path(config, "dream") == str(tmp_path / checkpoints / "dream")
    assert part_path(config, "/sd/lora/2/file", "glow.safetensors") == str(
        tmp_path / loras / "glow.safetensors"
    )
    with pytest.raises(ValueError, match="is not in"):
        part_path(config, "/sd/lora/2/file", "dream")


def test_a_lora_is_listed_with_its_family_and_if_it_fits_the_model_in_use(tmp_path: Path) -> None:
    lora(tmp_path / "small.safetensors", SD15)
    lora(tmp_path / "large_lcm_sdxl.safetensors", XL)
    assert listed(
        "/sd/loras", tmp_path, facts={"family": "sd15"}, lora__2__file="small.safetensors"
    ) == [
        (
            "large_lcm_sdxl.safetensors",
            "large_lcm_sdxl.safetensors (for SDXL, lcm, not for this model, SD 1.5)",
            False,
        ),
        ("small.safetensors", "small.safetensors (for SD 1.5)", True),
    ]


def test_files_of_one_name_are_distinguished_by_their_folders_and_a_folder_of_peft_is_an_entry(
    tmp_path: Path,
) -> None:
    folder, file = tmp_path / "models" / "loras", "pytorch_lora_weights.safetensors"
    lora(folder / "hyper" / file, SD15)
    lora(folder / "lcm" / file, XL)
    lora(folder / "lcm" / "glow.safetensors", SD15)
    lora(folder / "clay" / "adapter_model.safetensors", SD15)
    (folder / "clay" / "adapter_config.json").write_text('{"peft_type": "LORA"}', encoding="utf-8")
    assert listed("/sd/loras", tmp_path, lora__1__file=f"lcm/{file}", lora__2__file="clay") == [
        ("clay", "clay (for SD 1.5)", True),
        (f"hyper/{file}", f"hyper/{file} (for SD 1.5)", False),
        ("glow.safetensors", "glow.safetensors (for SD 1.5)", False),
        (f"lcm/{file}", f"lcm/{file} (for SDXL, lcm)", True),
    ]
    config = SdConfig(folders=(str(tmp_path),))
    for name, path in {
        f"lcm/{file}": folder / "lcm" / file,
        "clay": folder / "clay",
        file: folder / "hyper" / file,
    }.items():
        assert part_path(config, "/sd/lora/1/file", name) == str(path)
    assert part_path(config, "/sd/lora/1/file", "lcm/glow.safetensors") == str(
        folder / "lcm" / "glow.safetensors"
    )
    for wrong in (f"other/{file}", f"../loras/lcm/{file}", "lcm/", "lcm/glow.safetensor"):
        with pytest.raises(ValueError, match=r"is not in|cannot be empty"):
            part_path(config, "/sd/lora/1/file", wrong)


def test_a_broken_file_is_an_entry_with_its_reason(tmp_path: Path) -> None:
    for folder in ("checkpoints", "loras", "vae"):
        (tmp_path / "models" / folder).mkdir(parents=True)
        (tmp_path / "models" / folder / "cut.safetensors").write_bytes(b"\x10" + bytes(20))
    for at in ("/sd", "/sd/loras", "/sd/vaes"):
        name, title, is_on = listed(at, tmp_path)[-1]
        assert (name, is_on) == ("cut.safetensors", False), at
        assert title.startswith("cut.safetensors (cannot be used: ") and "\n" not in title
        assert str(tmp_path) not in title, "the folders of this machine are not sent to everyone"


def test_a_header_that_ends_the_process_is_a_reason_and_the_next_one_is_read(
    tmp_path: Path,
) -> None:
    reader, good = HeaderReader(), lora(tmp_path / "good.safetensors", SD15)
    bad = READ_BY_PROCESS(reader, Question(kind="no such kind", path=str(good)))
    assert "has ended" in bad.fault
    assert READ_BY_PROCESS(reader, Question(kind="loras", path=str(good))).family == "SD 1.5"
    reader.close()


def test_the_pictures_of_the_ip_adapter_are_listed_and_a_wrong_name_gets_the_nearest(
    tmp_path: Path,
) -> None:
    for name in ("face.png", "sea.jpg", "notes.txt"):
        (tmp_path / name).touch()
    config, store = SdConfig(pictures=str(tmp_path)), ParamStore()
    store.set("/sd/ip_adapter/image_c", "sea.jpg")
    request = ListRequest(table=config, value=store.get, facts={})
    found = list(resolve_name(ENTRY.lists["/sd/pictures"])("/sd/pictures", request))
    assert found == [("face.png", "face.png", False), ("sea.jpg", "sea.jpg", True)]
    with pytest.raises(ValueError, match=r"is not in .* \(nearest: face\.png\)"):
        picture_path(config, "face.pgn")
    with pytest.raises(ValueError, match=r"is not in [^(]*$"):
        picture_path(SdConfig(pictures=str(tmp_path / "none")), "face.png")
