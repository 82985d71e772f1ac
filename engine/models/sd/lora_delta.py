"""The delta of a LoRA, LoHa or LoKr for one weight, as a matrix (out, in kh kw) in float32.

The formulas are those of LyCORIS (lycoris/modules, lycoris/functional) and ComfyUI (comfy/weight_adapter). The delta
is proportional to the strength w, except with DoRA, where the weight becomes W + w (m (W + D) / |W + D| - W), as in
ComfyUI (weight_decompose in base.py). peft scales D inside, so that strength 0 is not the original model.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Delta:
    lora: str
    """Name of the LoRA."""
    kind: str
    """lora, loha, lokr or norm."""
    scale: float
    factors: dict[str, torch.Tensor]
    """Tensors by role (`lora_names`), without alpha, in the model's dtype or a smaller one."""
    dora_axis: int | None = None
    """See `LoraChange`."""

    def added(self, total: torch.Tensor, original: torch.Tensor, strength: float) -> torch.Tensor:
        """`total` plus strength times this delta, in new memory.

        `original`: the model's own weight, (out, in kh kw) float32 like `total`.
        """
        if self.dora_axis is None and self.kind == "lora":
            up, down = self._pair()
            return torch.addmm(total, up, down, alpha=strength * self.scale)
        if self.dora_axis is None:
            return torch.add(total, self.product(), alpha=strength * self.scale)
        return torch.add(total, self._dora(original), alpha=strength)

    def product(self) -> torch.Tensor:
        """The delta before scaling."""
        if self.kind == "norm":
            (difference,) = self.factors.values()
            return difference.float()[:, None]
        if self.kind == "lora":
            up, down = self._pair()
            return up @ down
        if self.kind == "loha":
            return self._half("hada_w1", "hada_t1").mul_(self._half("hada_w2", "hada_t2"))
        return torch.kron(self._half("lokr_w1", ""), self._half("lokr_w2", "lokr_t2"))

    def _pair(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(out, rank) and (rank, in kh kw)."""
        up, down = self._flat("up"), self._flat("down")
        if "mid" in self.factors:
            mid = self.factors["mid"].float()
            down = torch.einsum("mn...,ni->mi...", mid, down).flatten(1)
        return up, down

    def _half(self, name: str, core: str) -> torch.Tensor:
        """One of the two matrices that are multiplied in a LoHa or LoKr."""
        if name in self.factors:
            return self._flat(name)
        first, second = self._flat(f"{name}_a"), self._flat(f"{name}_b")
        if core in self.factors:
            middle = self.factors[core].float()
            return torch.einsum("ij...,ip,jr->pr...", middle, first, second).flatten(1)
        return first @ second

    def _flat(self, role: str) -> torch.Tensor:
        return self.factors[role].float().flatten(1)

    def _dora(self, original: torch.Tensor) -> torch.Tensor:
        whole = torch.add(original, self.product(), alpha=self.scale)
        wanted = self.factors["magnitude" if "magnitude" in self.factors else "dora_scale"].float().flatten()
        if self.dora_axis == 0:
            lengths = whole.norm(dim=1)
            whole.mul_((wanted / (lengths + torch.finfo(torch.float32).eps))[:, None])
        else:
            inputs = wanted.numel()
            kernels = whole.view(whole.shape[0], inputs, -1)  # (out, in, kh kw)
            lengths = kernels.norm(dim=(0, 2))
            kernels.mul_((wanted / (lengths + torch.finfo(torch.float32).eps))[:, None])
        return whole.sub_(original)
