"""The options of `multiverse run` for live voice conversion."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.cli.live_options import LiveOptions
from engine.jobs.kit.options import option


@dataclass(frozen=True, kw_only=True)
class RvcOptions(LiveOptions):
    name = "rvc"
    purpose = "voice conversion"
    rvc: str | None = option(
        None, "Live voice conversion: a published RVC model, .pth or .safetensors.", metavar="MODEL.pth"
    )
    rvc_index: str | None = option(
        None, "Index of the same voice. (default: the one of its name, or the only one)", metavar="FILE.index|none"
    )
    rvc_content: str | None = option(
        None, "Speech encoder: HuBERT, ContentVec. (default: the voice's own)", metavar="PATH|ID"
    )
    rvc_input: str | None = option(
        None,
        "Where the voice comes from; audio: a channel of the sound (/rvc/input_channel). (default: audio)",
        metavar="audio|device:NAME|FILE",
    )
    rvc_output: str | None = option(
        None, "Where the voice is played. (default: none)", metavar="none|default|device:NAME"
    )

    @staticmethod
    def implied(given: Mapping[str, Any], file: Mapping[str, Any]) -> dict[str, Any]:
        """The configured index does not belong to another voice."""
        from engine.models.rvc.index_choice import configured_for

        voice = file.get("rvc", {})
        if "rvc.model" not in given or not isinstance(voice, dict):
            return {}
        return {"rvc.index": configured_for(given["rvc.model"], voice.get("model"), voice.get("index", ""))}
