"""RVC voice conversion: the words and pitch of one voice with the timbre of another.

    model = load(VoiceSpec(model="alto.pth", index="alto.index"), "cuda", "float16")
    # files
    optimizations = OptimizationConfig.for_device("cuda")
    converter = VoiceConverter(model, VoiceSettings(pitch=12), optimizations)
    # a stream, block by block
    live = LiveVoice(model, rate_hz=48_000, block_ms=250, crossfade_ms=50, extra_ms=2500)

Its parts: `content` (HuBERT: speech features, 50 vectors per second), `retrieval` (moves them
towards features of the target voice), `pitch` (F0) and `synthesizer` (turns both into sound).

Read `model.py` (the parts), `load.py`, then `offline.py` and `stream.py`. Importing this package
does not load torch; `spec.py`, `check.py`, `cutting.py`, `grid.py` and `optimization.py` never do.
"""

from engine.models.rvc.spec import VoiceSettings, VoiceSpec
