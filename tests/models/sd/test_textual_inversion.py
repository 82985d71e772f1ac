"""Embeddings have the same effect as with diffusers' own loader, from each kind of published
file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from engine.errors import ModelError
from engine.models.sd import ModelSpec
from engine.models.sd.conditioner import Conditioner
from engine.models.sd.load import load
from engine.models.sd.model import DiffusionModel
from engine.models.sd.plan.model_plan import plan_model
from tests.models.sd.oracle import pipeline_of
from tests.support.hostile_pickle import Call
from tests.support.tiny_models import TEXT_WIDTH

Write = Callable[..., str]


def vectors(count: int = 2, seed: int = 5, width: int = TEXT_WIDTH) -> torch.Tensor:
    """Random vectors of an embedding, (count, width), with the usual magnitude of word
    embeddings."""
    return torch.randn(count, width, generator=torch.Generator().manual_seed(seed)) * 0.02


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def written(name: str, content: Any) -> str:
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        save_file(content, file) if file.suffix in (".safetensors", ".pti") else torch.save(
            content, file
        )
        return str(file)

    return written


def loaded(sd: Path, *files: str) -> DiffusionModel:
    return load(ModelSpec(model=str(sd), embeddings=files), "cpu", "fp32")


@pytest.mark.parametrize("kind", ["sd15", "turbo"])
def test_embeddings_encode_bit_identically_to_diffusers(
    tiny_models: Any, write: Write, kind: str
) -> None:
    sd = tiny_models.sd(kind=kind)
    file, pipeline = write("easynegative.safetensors", {"emb_params": vectors(3)}), pipeline_of(sd)
    pipeline.load_textual_inversion({"easynegative": vectors(3)})
    for prompt in ("easynegative", "a cat, easynegative , the dog"):
        theirs = pipeline.encode_prompt(prompt, "cpu", 1, False)[0]
        assert torch.equal(Conditioner(loaded(sd, file)).encode(prompt, None).prompt_embeds, theirs)


def test_each_encoder_of_an_xl_model_has_its_own_vectors(tiny_models: Any, write: Write) -> None:
    sd, parts = tiny_models.sd(kind="sdxl"), {"clip_l": vectors(2), "clip_g": vectors(2, seed=6)}
    pipeline = pipeline_of(sd)
    for key, number in (("clip_l", ""), ("clip_g", "_2")):
        pipeline.load_textual_inversion(
            {"unaesthetic": parts[key]},
            tokenizer=getattr(pipeline, f"tokenizer{number}"),
            text_encoder=getattr(pipeline, f"text_encoder{number}"),
        )
    theirs = pipeline.encode_prompt(
        "a unaesthetic cat", device="cpu", do_classifier_free_guidance=False
    )
    ours = Conditioner(loaded(sd, write("unaesthetic.safetensors", parts))).encode(
        "a unaesthetic cat", None
    )
    assert torch.equal(ours.prompt_embeds, theirs[0]) and torch.equal(ours.pooled_embeds, theirs[2])


def test_a_trigger_matches_whole_words_in_any_case_and_may_have_a_weight(
    tiny_sd: Path, write: Write
) -> None:
    model = loaded(tiny_sd, write("ink.safetensors", {"emb_params": vectors()}))
    without = loaded(tiny_sd)
    for each in (model, without):
        each.text_encoders[0].final_layer_norm.bias += 0.5  # else the mean that weights keep is 0
    conditioner, plain = Conditioner(model), Conditioner(without)

    def text(prompt: str) -> torch.Tensor:
        return conditioner.encode(prompt, None).prompt_embeds

    for prompt in ("inks", "pink", "ink2", "the_ink"):
        assert torch.equal(text(prompt), plain.encode(prompt, None).prompt_embeds)
    assert torch.equal(text("a INK."), text("a ink ."))
    assert not torch.equal(text("a ink"), plain.encode("a ink", None).prompt_embeds)
    weighted = text("a (ink:1.3)")
    rows = text("a ink")[0] * torch.tensor([1.0, 1.0, 1.3, 1.3, *[1.0] * 73])[:, None]
    assert torch.allclose(weighted[0], rows * text("a ink").mean() / rows.mean(), atol=1e-6)
    conditioner.encode("a ink", None)
    assert torch.equal(
        conditioner.encode("a cat", None).prompt_embeds, plain.encode("a cat", None).prompt_embeds
    )


def test_vectors_stay_in_one_chunk_and_are_dropped_and_noted_where_there_is_none_left(
    tiny_sd: Path, write: Write
) -> None:
    notes: list[str] = []
    model = loaded(tiny_sd, write("ink.safetensors", {"emb_params": vectors(3)}))
    conditioner = Conditioner(model, note=lambda key, line: notes.append(line))
    conditioner.encode("x " * 72 + "ink", None)
    assert notes == []
    moved = conditioner.encode("x " * 73 + "ink the", None).prompt_embeds
    assert (
        torch.equal(moved[:, 77:], conditioner.encode("ink the", None).prompt_embeds)
        and notes == []
    )
    conditioner.encode("x " * 298 + "ink", None)
    assert notes == ["298 tokens of the prompt are used; ignored: ink"]


@pytest.mark.parametrize(
    ("name", "content", "triggers"),
    [
        ("bad-hands-5.pt", {"string_to_token": {"*": 265}, "string_to_param": {"*": vectors()},
            "name": "bad-hands-5",
                            "step": 4999, "sd_checkpoint": None, "sd_checkpoint_name": None},
                            ("bad-hands-5",)),
        ("parameter.pt", {"string_to_param": {"*": torch.nn.Parameter(vectors())}}, ("parameter",)),
        ("old.pt", {"string_to_param": torch.nn.ParameterDict({"*": vectors()})}, ("old",)),
        ("learned_embeds.bin", {"<cat-toy>": vectors()[0]}, ("<cat-toy>",)),
        ("renamed.safetensors", {"<cat-toy>": vectors()}, ("<cat-toy>", "renamed")),
    ],
)  # fmt: skip
def test_each_kind_of_file_has_its_trigger_words(
    tiny_sd: Path, write: Write, name: str, content: Any, triggers: tuple[str, ...]
) -> None:
    file = write(name, content)
    report = plan_model(ModelSpec(model=str(tiny_sd), embeddings=(file,)))
    assert report.missing == ()
    (part,) = [part for part in report.parts if part.name == f"embedding {triggers[0]}"]
    model = loaded(tiny_sd, file)
    assert model.embeddings[0].triggers == triggers
    assert part.parameters == model.embeddings[0].vectors[0].numel()
    embeds = Conditioner(model).encode(triggers[0], None).prompt_embeds
    assert torch.equal(
        Conditioner(model).encode(triggers[-1].upper() + ", ", None).prompt_embeds[:, 1],
        embeds[:, 1],
    )


def test_pivotal_tuning_has_a_word_for_each_row(tiny_models: Any, write: Write) -> None:
    """cog-sdxl's embeddings.pti: text_encoders_0 and _1, in a prompt as <s0><s1>."""
    sd = tiny_models.sd(kind="sdxl")
    rows = {"text_encoders_0": vectors(2), "text_encoders_1": vectors(2, seed=6)}
    renamed = {"clip_l": rows["text_encoders_0"], "clip_g": rows["text_encoders_1"]}
    model = loaded(sd, write("mine.pti", rows))
    ours, theirs = Conditioner(model), Conditioner(loaded(sd, write("whole.safetensors", renamed)))
    expected = theirs.encode("a whole cat", None).prompt_embeds
    for prompt in ("a <s0><s1> cat", "a mine cat"):
        assert torch.equal(ours.encode(prompt, None).prompt_embeds, expected)
    assert [each.triggers for each in model.embeddings] == [("mine",), ("<s0>",), ("<s1>",)]
    assert not torch.equal(ours.encode("a <s1><s0> cat", None).prompt_embeds, expected)


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        (
            "xl.safetensors",
            {"clip_l": vectors(), "clip_g": vectors()},
            "an embedding made for SDXL (32 + 32 numbers",
        ),
        (
            "sd2.pt",
            {"*": vectors(width=1024)},
            "an embedding made for SD 2.x (1024 numbers a token), ",
        ),
        (
            "ink.safetensors",
            {"lora_te_x.lora_up.weight": vectors()},
            "a LoRA, not an embedding; pass it with --lora",
        ),
        (
            "3.pt",
            dict.fromkeys(("clip_l", "clip_g", "t5"), vectors()),
            "no place in an embedding, the first is t5",
        ),
        (
            "two.safetensors",
            {"a.b": vectors(), "c.d": vectors()},
            "not a textual inversion embedding; it contains a.b",
        ),
        ("long.safetensors", {"emb_params": vectors(76)}, "1 to 75 vectors"),
        (
            "uneven.safetensors",
            {"clip_l": vectors(1), "clip_g": vectors(2)},
            "the same number for each text encoder",
        ),
        ("bad.pt", {"*": vectors(), "x": Call(eval, "1")}, "it would run builtins.eval"),
    ],
)
def test_a_file_that_is_not_an_embedding_for_the_model_is_refused_in_the_plan(
    tiny_sd: Path, write: Write, name: str, content: Any, reason: str
) -> None:
    spec = ModelSpec(model=str(tiny_sd), embeddings=(write(name, content),))
    (line,) = plan_model(spec).missing
    assert reason in line and name in line
    with pytest.raises(ModelError, match=r"embedding|would run"):
        load(spec, "cpu", "fp32")


def test_two_embeddings_of_one_name_are_refused(tiny_sd: Path, write: Write) -> None:
    files = (
        write("ink.pt", {"*": vectors()}),
        write("other/INK.safetensors", {"emb_params": vectors()}),
    )
    (line,) = plan_model(ModelSpec(model=str(tiny_sd), embeddings=files)).missing
    assert "two embeddings have the name ink; rename one file" in line
