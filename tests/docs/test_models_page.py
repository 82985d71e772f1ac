"""docs/how-to/models.md and the pages split from it: their commands download what the engine's
errors name."""

import re
import shlex
from pathlib import Path

import pytest

from engine.models import locate
from engine.models.known_repositories import REPOSITORIES

ROOT = Path(__file__).parents[2]
PAGES = ("models", "model-files", "sd-controlnet", "sam3", "voice")
TEXTS = [(ROOT / "docs" / "how-to" / f"{page}.md").read_text(encoding="utf-8") for page in PAGES]
TABLE = TEXTS[0].partition("\n## ")[0]
BLOCKS = [block for text in TEXTS for block in re.findall(r"```sh\n(.*?)```", text, re.DOTALL)]
FETCHED = [
    line for block in BLOCKS for line in block.splitlines() if line.startswith("hf download")
]


@pytest.fixture(autouse=True)
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))


def lines_of_the_engine(hub_id: str) -> set[str]:
    """All download commands that errors may show for this repository."""
    names = [hub_id, *(f"{hub_id}/{file}" for file in REPOSITORIES[hub_id].files)]
    return {
        locate.fetch_command(name, files=files)
        for name in names
        for files in (locate.MODEL_FILES, locate.CONFIG_FILES)
    }


@pytest.mark.parametrize("line", sorted(set(FETCHED)))
def test_a_download_is_the_one_that_the_engine_names(line: str) -> None:
    assert line in lines_of_the_engine(shlex.split(line)[2])


@pytest.mark.parametrize(
    "hub_id",
    [hub_id for hub_id, known in REPOSITORIES.items() if known.includes and f"`{hub_id}`" in TABLE],
)
def test_sizes_in_the_table_match_those_of_the_engine(hub_id: str) -> None:
    (row,) = [line for line in TABLE.splitlines() if f"`{hub_id}`" in line]
    assert locate.format_size(REPOSITORIES[hub_id].size_mb) in row
