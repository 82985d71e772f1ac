"""Loads a CLIP tokenizer from its vocabulary only; unsafe keys are removed before a library reads the files."""

import json
import tempfile
from pathlib import Path
from typing import Any, Final

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.system.small_file import MAX_JSON_BYTES, parse_json, read_small

VOCABULARY: Final = ("tokenizer.json", "vocab.json", "merges.txt")
SETTINGS: Final = {
    "tokenizer_config.json": (
        "model_max_length", "bos_token", "eos_token", "unk_token", "pad_token", "add_prefix_space", "do_lower_case",
        "errors", "clean_up_tokenization_spaces", "added_tokens_decoder", "additional_special_tokens",
        "extra_special_tokens", "padding_side", "truncation_side", "split_special_tokens",
    ),
    "special_tokens_map.json": (
        "bos_token", "eos_token", "unk_token", "pad_token", "additional_special_tokens", "extra_special_tokens",
    ),
}  # fmt: skip
"""The keys that define the tokens. Others select code (auto_map, trust_remote_code), other files (gguf_file,
fast_tokenizer_files, init_inputs) or templates that are programs (chat_template)."""
ADDED: Final = "added_tokens.json"
"""File with a plain map from text to token number."""


def read_tokenizer(name: str, folder: Path) -> Any:
    """The CLIPTokenizer of the files in `folder`. ModelError in one line that begins with `name`."""
    from transformers import CLIPTokenizer

    with tempfile.TemporaryDirectory(prefix="multiverse-tokenizer-", ignore_cleanup_errors=True) as place:
        copied = Path(place)
        for file in (*VOCABULARY, *SETTINGS, ADDED):
            if (folder / file).exists():
                _copy(name, folder / file, copied / file)
        with one_line(name):
            tokenizer = CLIPTokenizer.from_pretrained(copied, local_files_only=True)
    tokenizer.name_or_path = str(folder)
    return tokenizer


def _copy(name: str, source: Path, target: Path) -> None:
    try:
        raw = read_small(source, max_bytes=MAX_JSON_BYTES)
        if source.suffix == ".json":
            content = parse_json(raw)
            if not isinstance(content, dict):
                raise ValueError("is not a JSON object")
            if source.name in SETTINGS:
                content = {key: value for key, value in content.items() if key in SETTINGS[source.name]}
                raw = json.dumps(content).encode()
    except OSError as error:
        raise ModelError(f"{name}: {source.name} cannot be read ({error.strerror or error})") from None
    except ValueError as error:
        raise ModelError(f"{name}: {source.name} cannot be read ({error})") from None
    target.write_bytes(raw)
