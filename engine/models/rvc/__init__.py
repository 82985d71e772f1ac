"""Voice conversion as RVC does it: what was said, and how high, sung again by another voice.

    model = load(VoiceSpec(model="alto.pth", index="alto.index"), "cuda", "float16")
    converter = Converter(model, VoiceSettings(pitch=12), OptimizationConfig.for_cuda())    # files
    live = LiveVoice(model, rate_hz=48_000, block_ms=250, crossfade_ms=50, extra_ms=2500)   # a stream, block by block

A voice goes through `content` (HuBERT: what is said, 50 vectors a second), `retrieval` (drawn to what the other voice
would say), `pitch` (how high) and `synthesizer` (both made sound again).

Read `model.py` (what the parts share), `load.py`, then `offline.py` and `stream.py`. Importing this package does not
load torch; `spec.py`, `settings.py`, `check.py`, `cutting.py`, `optimization.py` and `profiling.py` never do.
"""

from engine.models.rvc.settings import VoiceSettings
from engine.models.rvc.spec import VoiceSpec

__all__ = ["VoiceSettings", "VoiceSpec"]
