"""The options of `multiverse run` for live SAM3."""

from dataclasses import dataclass
from typing import Any

from engine.cli.live_options import LiveOptions
from engine.errors import UsageError
from engine.jobs.kit.options import option
from osc_schema.sam3 import PROMPTS


@dataclass(frozen=True, kw_only=True)
class Sam3Options(LiveOptions):
    name = "sam3"
    purpose = "SAM3"
    sam3: str | None = option(
        None, "Live SAM3 segmentation: a folder or a Hugging Face id (facebook/sam3).", metavar="MODEL"
    )
    sam3_prompt: tuple[str, ...] = option(
        (), "What SAM3 looks for, repeatable up to four times. (default: person)", metavar="WORDS"
    )
    sam3_video: str | None = option(
        None,
        "Video, picture, stream or another program's picture for /sam3/source video.",
        metavar="FILE|URL|KIND:NAME",
    )

    def settings(self) -> dict[str, Any]:
        return {key: value for key, value in super().settings().items() if key != "sam3.prompt"}

    def assignments(self) -> list[str]:
        """The prompts; those that are left are cleared."""
        if len(self.sam3_prompt) > len(PROMPTS):
            raise UsageError(f"--sam3-prompt: at most {len(PROMPTS)}")
        padded = [*self.sam3_prompt, *[""] * len(PROMPTS)] if self.sam3_prompt else []
        return [f"/sam3/prompt/{n}={prompt}" for n, prompt in zip(PROMPTS, padded, strict=False)]
