"""Inference on tensors: the only part of the engine that imports torch, and only inside functions or in modules that
are themselves imported inside functions. No ring buffers and no OSC: the loops in `engine.live` connect models to
those.

sd/     Stable Diffusion
sam3/   SAM3
rvc/    RVC

Code shared by several kinds of model lies beside them: finding files (locate, weight_files,
part_report: these never load torch), reading them (pretrained), working on a device (device_work, places), running or
capturing a chain of parts (graphs), compiling a part (compiling), and a replacement for torchaudio
(torchaudio_stand_in), which is registered here before any library imports it.
"""

from engine.models import torchaudio_stand_in
from engine.system import metal, openmp

torchaudio_stand_in.register()
openmp.spin_briefly()  # torch reads this variable when it is loaded
metal.allow_fallback()  # as above
