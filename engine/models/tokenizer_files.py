"""Reads the files of a CLIP tokenizer, without the keys that do not define tokens. Does not load
torch."""

import json
from pathlib import Path
from typing import Final

from engine.errors import ModelError
from engine.system.small_file import MAX_JSON_BYTES, parse_json, read_small

VOCABULARY: Final = ("tokenizer.json", "vocab.json", "merges.txt")
CONFIG: Final = "tokenizer_config.json"
SETTINGS: Final = {
    CONFIG: (
        "model_max_length", "bos_token", "eos_token", "unk_token", "pad_token", "add_prefix_space",
        "do_lower_case",
        "errors", "clean_up_tokenization_spaces", "added_tokens_decoder",
        "additional_special_tokens",
        "extra_special_tokens", "padding_side", "truncation_side", "split_special_tokens",
    ),
    "special_tokens_map.json": (
        "bos_token", "eos_token", "unk_token", "pad_token", "additional_special_tokens",
        "extra_special_tokens",
    ),
}  # fmt: skip
"""The keys that define the tokens. Others select code (auto_map, trust_remote_code), other files
(gguf_file, fast_tokenizer_files, init_inputs) or templates that are programs (chat_template)."""
ADDED: Final = "added_tokens.json"
"""File with a plain map from text to token number."""


def read_tokenizer_files(what: str, folder: Path) -> dict[str, bytes]:
    """The content of the tokenizer's files in `folder`, by name, for `pretrained.load_tokenizer`.
    Each is opened once. ModelError in one line that begins with `what` and the file's name."""
    present = (file for file in (*VOCABULARY, *SETTINGS, ADDED) if (folder / file).exists())
    return {file: _plain(f"{what}{file}", folder / file) for file in present}


def _plain(what: str, file: Path) -> bytes:
    try:
        raw = read_small(file, max_bytes=MAX_JSON_BYTES)
        if file.suffix != ".json":
            return raw
        content = parse_json(raw)
        if not isinstance(content, dict):
            raise ValueError("is not a JSON object")
    except OSError as error:
        raise ModelError(f"{what} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ModelError(f"{what} cannot be read ({error})") from None
    if file.name not in SETTINGS:
        return raw
    return json.dumps(
        {key: value for key, value in content.items() if key in SETTINGS[file.name]}
    ).encode()
