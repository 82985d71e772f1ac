"""Pitch by FCPE (Luo et al. 2025), a convolutional network similar to a conformer. Package
`torchfcpe` brings weights.

Only its network is used. Its front end reads samples from Python, which would make the host wait
and break a CUDA graph. Our stub replaces the torchaudio that it imports (torchaudio_stub).
"""

import contextlib
import importlib
import io
from typing import Any, Final

import torch
from torch import Tensor

from engine.errors import ModelError
from engine.models.pretrained import one_line
from engine.models.rvc.pitch import HOP
from engine.models.rvc.pitch.mel import LogMel, decode_pitch
from engine.system.installing import install_line

THRESHOLD: Final = 0.006
BEFORE = (
    432  # samples before sample 160 k at which a frame starts: (1024 - 160) / 2, as in training
)
FLOOR = 1e-9


class Fcpe:
    name = "fcpe"
    frame_multiple = HOP

    def __init__(self, device: torch.device, dtype: torch.dtype) -> None:
        package = bundled()
        network = package.model.to(device=device, dtype=dtype).requires_grad_(False).eval()
        self.networks: tuple[torch.nn.Module, ...] = (network,)
        self._network = network
        self._dtype = dtype
        self._cents = network.cent_table.float()
        self._mel = LogMel(
            package.wav2mel.mel_extractor.mel_basis.to(device), before=BEFORE, floor=FLOOR
        )

    @torch.no_grad()
    def track(self, sound: Tensor) -> Tensor:
        """Track the pitch of (B, n) float32 at 16 kHz: (B, n // 160) float32 in Hz, 0 where
        unvoiced."""
        if sound.shape[1] < HOP:
            return sound.new_zeros(sound.shape[0], 0)
        return decode_pitch(
            self._network(self._mel(sound).to(self._dtype).transpose(1, 2)), self._cents, THRESHOLD
        )


def bundled() -> Any:
    """torchfcpe's bundled object: `model`, and `wav2mel` with the filters it was trained with."""
    with contextlib.redirect_stdout(io.StringIO()), one_line("torchfcpe"):  # it prints to stdout
        try:
            torchfcpe = importlib.import_module("torchfcpe")
        except ImportError as error:
            raise ModelError(f"pitch fcpe: {error}; {install_line('[fcpe]')}") from error
        return torchfcpe.spawn_bundled_infer_model(device="cpu")
