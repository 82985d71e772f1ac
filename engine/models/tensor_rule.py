"""The rule of all loaders: a file has every tensor of its network, in its shape, and no other. Does
not load torch.

A tensor that a loader does not know may change every result: the scale of a quantized weight, a
layer that another program has added, a trained bias. So a file with one is refused, even if all
that the network needs is there.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.errors import ModelError

HARMLESS: Final = re.compile(
    r"(^|\.)(position_ids|attn_mask)$|^(text|visual)_projection(\.weight)?$|^logit_scale$|^(model_)?ema\.|^safety_checker\.|^loss\."
)
"""Tensors in published files that are not weights of the network and are ignored."""
ANOTHER: Final = "it is another kind of model, or config.json belongs to another one"


def require_present(what: str, absent: Iterable[str]) -> None:
    """Raise ModelError, in one line, for the tensors that a file lacks."""
    if names := list(absent):
        raise ModelError(
            f"{what}: {len(names)} tensors are missing or have another shape, the first is "
            f"{names[0]}"
        )


def require_known(
    what: str,
    kind: str,
    names: Iterable[str],
    *,
    may_ignore: Callable[[str], object] = HARMLESS.search,
    why: str,
) -> None:
    """Raise ModelError, in one line that ends in `why`, for tensors of a file that `kind`, such as
    "a UNet", does not have, unless `may_ignore` allows their names."""
    if surplus := [name for name in names if not may_ignore(name)]:
        first = min(surplus)[:120]
        raise ModelError(
            f"{what}: {len(surplus)} of its tensors have no place in {kind}, the first is "
            f"{first}; {why}"
        )


def require_same(
    what: str,
    kind: str,
    expected: Mapping[str, Any],
    stored: Mapping[str, Any],
    *,
    may_ignore: Callable[[str], object] = HARMLESS.search,
    why: str = ANOTHER,
) -> None:
    """Raise ModelError unless `stored` has the names and shapes of `expected`, and no others but
    those that `may_ignore` allows. Both: anything with a `shape`, by name."""
    shapes = {name: tuple(getattr(tensor, "shape", ())) for name, tensor in stored.items()}
    require_present(
        what, (name for name, tensor in expected.items() if shapes.get(name) != tuple(tensor.shape))
    )
    require_known(what, kind, stored.keys() - expected.keys(), may_ignore=may_ignore, why=why)
