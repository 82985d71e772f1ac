"""What an operation of torch does, from its schema and tags."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import torch

INDEXING = {
    "index",
    "index_put",
    "index_put_",
    "_index_put_impl_",
    "_unsafe_index",
    "_unsafe_index_put",
}
ALLOCATING = {"empty", "empty_strided", "empty_like", "new_empty", "new_empty_strided"}
# torchvision's nms gathers the kept boxes with a masked_select
SORTED_ON_HOST = {"nms", "roi_pool"}


@dataclass(frozen=True, slots=True)
class Operation:
    name: str
    is_composite: bool
    """It is made of others, which arrive one by one."""
    is_view: bool
    is_random: bool
    is_indexing: bool
    is_allocation: bool
    """It runs nothing on the card."""
    waits: bool
    """Its result's shape or value is needed by the host."""
    written: tuple[int, ...]
    """Positions of the arguments that it overwrites."""

    def written_in(self, args: Any, kwargs: Any) -> list[Any]:
        out = kwargs.get("out")
        outs = [] if out is None else list(out) if isinstance(out, (list, tuple)) else [out]
        found = [args[index] for index in self.written if index < len(args)] + outs
        return [
            each for one in found for each in (one if isinstance(one, (list, tuple)) else [one])
        ]


@cache
def operation_of(func: Any) -> Operation:
    schema, tags = func._schema, func.tags
    name = schema.name.split("::")[1]
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(
        func.name(), "CompositeImplicitAutograd"
    )
    shaped_by_values = (
        torch.Tag.dynamic_output_shape in tags or torch.Tag.data_dependent_output in tags
    )
    return Operation(
        name=name,
        is_composite=composite,
        is_view=func.is_view,
        is_random=torch.Tag.nondeterministic_seeded in tags and "attention" not in name,
        is_indexing=name in INDEXING,
        is_allocation=name in ALLOCATING,
        waits=(shaped_by_values and name not in INDEXING) or name in SORTED_ON_HOST,
        written=tuple(
            index
            for index, each in enumerate(schema.arguments)
            if each.alias_info is not None and each.alias_info.is_write and not each.kwarg_only
        ),
    )


def needs_nonzero(name: str, args: Any) -> bool:
    """True if an index is a mask, which the host turns into numbers with a nonzero, and waits.
    Except if one number is written: then torch fills by the mask (canDispatchToMaskedFill in
    aten/src/ATen/native/TensorAdvancedIndexing.h)."""
    masks = [
        each for each in args[1] if each is not None and each.dtype in (torch.bool, torch.uint8)
    ]
    is_one_number = "put" in name and args[2].numel() == 1 and args[2].device.type == "cpu"
    return bool(masks) and not is_one_number
