"""Wraps ControlNet Unions and T2I-Adapters, which are called in another way than ControlNets."""

from collections.abc import Sequence
from typing import Any, Final

import torch
from torch import Tensor

KINDS: Final = ("pose", "depth", "soft", "edges", "normal", "segments", "tile")
"""In the order of the published networks, of which the first has no tile (diffusers, docs of
ControlNetUnion)."""
USUAL: Final = "edges"


class UnionView(torch.nn.Module):
    """A ControlNetUnionModel that is called like a ControlNetModel, for one kind of control image:
    a union is one network for several kinds (xinsir's controlnet-union-sdxl-1.0 and promax). All
    views share the union's weights."""

    def __init__(self, union: Any, mode_index: int) -> None:
        super().__init__()
        self.union = union
        self._mode_index = mode_index

    @property
    def config(self) -> Any:
        return self.union.config

    def forward(
        self,
        sample: Tensor,
        timestep: Tensor,
        *,
        controlnet_cond: Tensor,
        conditioning_scale: Tensor,
        **others: Any,
    ) -> Any:
        kinds = torch.zeros((len(sample), self.config.num_control_type), device=sample.device)
        kinds[:, self._mode_index] = 1.0
        return self.union(
            sample,
            timestep,
            controlnet_cond=[controlnet_cond],
            control_type=kinds,
            control_type_idx=[self._mode_index],
            conditioning_scale=[conditioning_scale],
            **others,
        )


def with_views(nets: Sequence[Any]) -> tuple[tuple[Any, ...], dict[tuple[int, str], int]]:
    """Replace each union in `nets` by its view of USUAL, and append its other views. Also returns
    the index of each view, by the index of its union in `nets` and its kind."""
    networks = list(nets)
    view_indices = {}
    for index, net in enumerate(nets):
        for number, kind in enumerate(KINDS[: net.config.get("num_control_type", 0)]):
            view_indices[index, kind] = index if kind == USUAL else len(networks)
            if kind == USUAL:
                networks[index] = UnionView(net, number)
            else:
                networks.append(UnionView(net, number))
    return tuple(networks), view_indices


class T2IAdapterNet(torch.nn.Module):
    """A diffusers T2IAdapter (Mou et al. 2023) for pictures of three channels, which adds to the
    UNet's down blocks. Its answer depends on the control image alone, but a stream has those of
    several frames in one call, so it runs with each call: 30 GMAC at 512 x 512, where a ControlNet
    of SD 1.5 takes 142."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    @property
    def config(self) -> Any:
        return self.network.config

    def forward(self, picture: Tensor) -> list[Tensor]:
        """The features of (B, 3, H, W) in 0..1 for each down block, and for SDXL one for the middle
        block."""
        if self.config.in_channels == 1:
            picture = picture.mean(dim=1, keepdim=True)
        features: list[Tensor] = self.network(picture)
        return features
