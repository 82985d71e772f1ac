"""Inference on tensors: the only part of the engine that imports torch, and only inside functions or in modules that
are themselves imported inside functions. No rings, no OSC; a loop in `engine.children` joins a model to those.

diffusion/      Stable Diffusion
segmentation/   SAM3
voice/          RVC

What several kinds of model share lies beside them: where files are (locate, weight_files, safetensors_header,
part_report: these never load torch), how they are read (pretrained), what a device is asked (device_work, places),
how a chain of parts is run or captured (graphs), how a part is compiled (compiling), and what stands in for torchaudio
(torchaudio_stand_in): registered here, before any of their libraries asks for it.
"""

from engine.models import torchaudio_stand_in
from engine.system import metal, openmp

torchaudio_stand_in.register()
openmp.spin_briefly()  # read when torch is loaded
metal.allow_fallback()  # likewise
