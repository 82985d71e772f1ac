"""Inference on tensors: the only part of the engine that imports torch, and only inside functions
or in modules that are themselves imported inside functions. No ring buffers and no OSC: the loops
in `engine.live` connect models to those.

sd/     Stable Diffusion
sam3/   SAM3
rvc/    RVC

Code shared by several kinds of model lies beside them: finding files (locate, weight_files,
part_report: these never load torch), reading them (pretrained), working on a device (device_work,
card_memory), running a chain of parts directly or as CUDA graphs (graphs); compiling a part
(compiling). A stub of torchaudio (torchaudio_stub) is registered here before any library imports
it.
"""

from engine.models import torchaudio_stub
from engine.system import metal, openmp

torchaudio_stub.register()
openmp.spin_briefly()  # torch reads this variable when it is loaded
metal.allow_fallback()  # as above
