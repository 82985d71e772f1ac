"""Published textual inversion embeddings: files whose triggers a prompt may use."""

from pathlib import Path
from typing import Any

import torch

from engine.models.random_models import seeded
from engine.models.sd import ModelSpec
from tests.support.replicas.replica import Folders, Refused, Replica, Works
from tests.support.tiny_models import TEXT_WIDTH


def vectors(count: int) -> torch.Tensor:
    """(count, TEXT_WIDTH) float32, like the published ones, whose width is 768."""
    with seeded(11):
        return torch.randn(count, TEXT_WIDTH) * 0.02


def save(file: Path, content: dict[str, Any]) -> str:
    from safetensors.torch import save_file

    file.parent.mkdir(exist_ok=True)
    if file.suffix == ".safetensors":
        save_file(content, file)
    else:
        torch.save(content, file)
    return str(file)


def easy_negative(target: Folders) -> ModelSpec:
    file = save(target.folder / "EasyNegative.safetensors", {"emb_params": vectors(8)})
    return ModelSpec(model=str(target.tiny.sd()), embeddings=(file,), clip_skip=2)


def bad_hands(target: Folders) -> ModelSpec:
    content = {
        "string_to_token": {"*": 265},
        "string_to_param": {"*": vectors(8)},
        "name": "bad-hands-5",
        "step": 6499,
        "sd_checkpoint": "cc6cb27103",
        "sd_checkpoint_name": "v1-5-pruned-emaonly",
    }
    return ModelSpec(
        model=str(target.tiny.sd()), embeddings=(save(target.folder / "bad-hands-5.pt", content),)
    )


def cat_toy(target: Folders) -> ModelSpec:
    folder = target.folder / "cat-toy"
    save(folder / "learned_embeds.bin", {"<cat-toy>": vectors(1)[0]})
    (folder / "token_identifier.txt").write_text("<cat-toy>", encoding="utf-8")
    target.put_on_hub("sd-concepts-library/cat-toy", folder)
    return ModelSpec(model=str(target.tiny.sd()), embeddings=("sd-concepts-library/cat-toy",))


def unaesthetic_xl(target: Folders) -> ModelSpec:
    both = {"clip_g": vectors(2), "clip_l": vectors(2) * 0.5}
    file = save(target.folder / "unaestheticXL_Jug6.safetensors", both)
    return ModelSpec(model=str(target.tiny.sd(kind="sdxl")), embeddings=(file,), clip_skip=2)


def easy_negative_on_xl(target: Folders) -> ModelSpec:
    file = save(target.folder / "EasyNegative.safetensors", {"emb_params": vectors(8)})
    return ModelSpec(model=str(target.tiny.sd(kind="sdxl")), embeddings=(file,))


A1111 = (
    "https://github.com/AUTOMATIC1111/stable-diffusion-webui/blob/master/modules/textual_inversion"
)
ISSUES = "https://github.com/huggingface/diffusers/issues"
TOY = "sd-concepts-library/cat-toy"
PICKLE = Works(family="sd15", says=("embedding bad-hands-5: a pickle, read with weights_only",))
SKIPPED = Works(family="sdxl", says=("clip skip 2 is the model's default",))
OTHER = Refused(says=("an embedding made for SD 1.5 or 2.x", "is SDXL", "made for it"))
REPLICAS: list[Replica] = [
    Replica(name, source, build, expect)
    for name, source, build, expect in (
        ("gsdf/EasyNegative, clip skip 2", f"{ISSUES}/3198", easy_negative, Works(family="sd15")),
        ("CivitAI bad-hands-5.pt", f"{A1111}/textual_inversion.py", bad_hands, PICKLE),
        (TOY, f"https://huggingface.co/{TOY}", cat_toy, Works(family="sd15")),
        (
            "CivitAI unaestheticXL_Jug6.safetensors, clip skip 2",
            f"{ISSUES}/8854",
            unaesthetic_xl,
            SKIPPED,
        ),
        ("gsdf/EasyNegative with SDXL", f"{ISSUES}/3198", easy_negative_on_xl, OTHER),
    )
]
