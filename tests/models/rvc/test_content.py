"""Content features equal those of transformers' own forward, from a folder of the Hub, fairseq's
file or tensors."""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.rvc.content import ContentEncoder, load_content
from tests.models.rvc.small_hubert import SmallHubert, fairseq_names, small_hubert
from tests.support.hostile_pickle import Call

SOUND = torch.randn(1, 6_000, generator=torch.Generator().manual_seed(2)) * 0.2
LAST = "encoder.layers.7.feed_forward.output_dense.bias"
LAYOUTS = [
    "folder",
    "folder with a pickle and older names",
    "folder with a head",
    "fairseq",
    "fairseq before torch 1.6",
    "fairseq beside another model's config",
    "pickle beside its config",
    *(
        f"{names} names in content.{kind}"
        for names in ("its", "fairseq's")
        for kind in ("pt", "bin", "safetensors")
    ),
]


@pytest.fixture(scope="module")
def hubert() -> SmallHubert:
    return small_hubert().requires_grad_(False)


def load(path: Path) -> ContentEncoder:
    return load_content(str(path), torch.device("cpu"), torch.float32)


def assert_says_the_same(encoder: ContentEncoder, hubert: SmallHubert) -> None:
    """Compare v1 and v2 features bit for bit with transformers' own forward of the saved model."""
    hidden = hubert(SOUND, output_hidden_states=True).hidden_states
    assert torch.equal(encoder(SOUND, version="v2"), hidden[12])
    assert torch.equal(encoder(SOUND, version="v1"), hubert.final_proj(hidden[9]))


def of_fairseq(hubert: SmallHubert) -> dict[str, Any]:
    """Content of a file as fairseq's trainer saves it, with everything that only training needs."""
    tensors = fairseq_names(hubert.state_dict()) | {"label_embs_concat": torch.zeros(504, 32)}
    return {
        "args": None,
        "model": tensors,
        "optimizer_history": [{"num_updates": 1}],
        "extra_state": {"epoch": 3},
    }


def whole(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in tensors.items()}


def written(layout: str, hubert: SmallHubert, folder: Path) -> Path:
    tensors = whole(hubert.state_dict())
    match layout.split():
        case ["folder"]:
            hubert.save_pretrained(folder)
        case ["folder", _, "a", "pickle", *_]:
            hubert.config.save_pretrained(folder)
            stem = "encoder.pos_conv_embed.conv."
            for older, name in (("weight_g", "original0"), ("weight_v", "original1")):
                tensors[f"{stem}{older}"] = tensors.pop(f"{stem}parametrizations.weight.{name}")
            torch.save(tensors, folder / "pytorch_model.bin")
        case ["folder", _, "a", "head"]:
            hubert.config.save_pretrained(folder)
            tensors = {f"hubert.{name}": tensor for name, tensor in tensors.items()}
            save_file(tensors | {"lm_head.weight": torch.zeros(2, 2)}, folder / "model.safetensors")
        case ["fairseq", *more]:
            folder /= "hubert_base.pt"
            torch.save(of_fairseq(hubert), folder, _use_new_zipfile_serialization="1.6" not in more)
            if "another" in more:
                folder.with_name("config.json").write_text(json.dumps({"model_type": "llama"}))
        case ["pickle", *_]:
            hubert.config.save_pretrained(folder)
            folder /= "pytorch_model.bin"
            torch.save(tensors, folder)
        case [names, "names", "in", file]:
            tensors, folder = tensors if names == "its" else fairseq_names(tensors), folder / file
            save_file(tensors, folder) if folder.suffix == ".safetensors" else torch.save(
                tensors, folder
            )
    return folder


@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_layout_gives_the_model_that_was_saved(
    hubert: SmallHubert, tmp_path: Path, layout: str
) -> None:
    encoder = load(written(layout, hubert, tmp_path))
    assert_says_the_same(encoder, hubert)
    assert all(
        not parameter.requires_grad
        for network in encoder.networks
        for parameter in network.parameters()
    )


def test_fairseqs_large_file_gives_the_same_network_too(tmp_path: Path) -> None:
    """It normalises every layer, and before each block."""
    hubert = small_hubert(
        feat_extract_norm="layer", do_stable_layer_norm=True, conv_bias=True
    ).requires_grad_(False)
    published = {}
    for name, tensor in hubert.state_dict().items():
        # each layer: a convolution (0), and a norm between two turns (2.1)
        if name.startswith("feature_extractor."):
            _, _, number, part, kind = name.split(".")
            name = (
                f"feature_extractor.conv_layers.{number}.{'0' if part == 'conv' else '2.1'}.{kind}"
            )
            published[name] = tensor
        else:
            published |= fairseq_names({name: tensor})
    torch.save({"model": published}, tmp_path / "hubert_large.pt")
    assert_says_the_same(load(tmp_path / "hubert_large.pt"), hubert)


class Dictionary:
    """A stand-in for fairseq's class of that name while a file is written."""

    def __init__(self) -> None:
        self.symbols = ["<s>", "<pad>"]


def test_other_objects_that_fairseq_pickles_are_ignored(
    hubert: SmallHubert, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A package named fairseq is on the path and would create a marker if it were imported."""
    marker = tmp_path / "imported"
    package = tmp_path / "path" / "fairseq" / "data"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").write_text(f"open({str(marker)!r}, 'w')")
    monkeypatch.syspath_prepend(tmp_path / "path")
    for module_name in ("fairseq", "fairseq.data", "fairseq.data.dictionary"):
        monkeypatch.setitem(sys.modules, module_name, type(sys)(module_name))
    sys.modules["fairseq.data.dictionary"].Dictionary = Dictionary  # type: ignore[attr-defined]
    monkeypatch.setattr(Dictionary, "__module__", "fairseq.data.dictionary")
    file = tmp_path / "hubert_base.pt"
    stored = of_fairseq(hubert) | {
        "args": argparse.Namespace(seed=1),
        "task_state": {"dictionaries": [Dictionary()]},
    }
    torch.save(stored, file)
    for module_name in ("fairseq", "fairseq.data", "fairseq.data.dictionary"):
        monkeypatch.delitem(sys.modules, module_name)
    assert_says_the_same(load(file), hubert)
    assert "fairseq" not in sys.modules and not marker.exists()


@pytest.mark.parametrize("is_zipped", [True, False], ids=["zip", "before torch 1.6"])
def test_a_pickle_that_would_run_something_is_refused_by_name_and_runs_nothing(
    hubert: SmallHubert, tmp_path: Path, is_zipped: bool
) -> None:
    marker, file = tmp_path / "marker", tmp_path / "hubert_base.pt"
    command = f"__import__('os').system({f'mkdir {marker}'!r})"  # hidden in a built-in function
    stored = of_fairseq(hubert) | {"task_state": Call(eval, command)}
    torch.save(stored, file, _use_new_zipfile_serialization=is_zipped)
    with pytest.raises(
        ModelError, match=r"refused: it would run builtins\.eval, which no HuBERT needs"
    ) as refused:
        load(file)
    assert not marker.exists() and "\n" not in str(refused.value)
    torch.load(file, weights_only=False)  # the file is what it is taken for
    assert marker.exists()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        (LAST, None, rf"1 tensors are missing .* {LAST}"),
        ("final_proj.weight", torch.nan, "final_proj.weight contains NaN or infinity"),
        ("final_proj.bias", None, "cannot be loaded"),
    ],
)
def test_a_missing_tensor_and_nan_are_one_line(
    hubert: SmallHubert, tmp_path: Path, name: str, value: float | None, message: str
) -> None:
    tensors = whole(hubert.state_dict())
    if value is None:
        del tensors[name]
    else:
        tensors[name][3] = value
    save_file(tensors, tmp_path / "content.safetensors")
    with pytest.raises(ModelError, match=message) as error:
        load(tmp_path / "content.safetensors")
    assert "\n" not in str(error.value)


def test_a_tensor_that_no_hubert_has_is_refused_by_name(
    hubert: SmallHubert, tmp_path: Path
) -> None:
    for file, tensors in (
        ("a.safetensors", whole(hubert.state_dict())),
        ("hubert_base.pt", of_fairseq(hubert)["model"]),
    ):
        more = tensors | {"encoder.adapter.weight": torch.zeros(2)}
        save_file(more, tmp_path / file) if file.startswith("a") else torch.save(
            {"model": more}, tmp_path / file
        )
        with pytest.raises(
            ModelError,
            match=r"1 of .* have no place in a HuBERT, the first is encoder\.adapter\.weight",
        ):
            load(tmp_path / file)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"hidden_size": "wide"}, "hidden_size"),
        ({"num_hidden_layers": 10**9}, "num_hidden_layers is 1000000000, more than 256"),
        ({"hidden_size": 256}, "tensors are missing or have another shape"),
    ],
)
def test_an_inconsistent_configuration_is_one_line(
    hubert: SmallHubert, tmp_path: Path, wrong: dict[str, Any], message: str
) -> None:
    hubert.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | wrong))
    with pytest.raises(ModelError, match=message) as error:
        load(tmp_path)
    assert "\n" not in str(error.value)


def test_a_file_of_other_tensors_is_not_a_hubert(tmp_path: Path) -> None:
    torch.save({"unet.weight": torch.zeros(2)}, tmp_path / "other.pt")
    with pytest.raises(ModelError, match=r"no HuBERT \(holds unet.weight\)"):
        load(tmp_path / "other.pt")
