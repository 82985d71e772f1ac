"""Benchmarks against independent implementations on the same data, with interleaved calls.

FAISS searches on the CPU, so queries are copied from the device and results back to it, as in RVC. SciPy filters on the
CPU too. Each call is timed until its result is available.
"""

import importlib
import importlib.util
import sys
import types
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import torch

from engine.models.device_work import device_wait
from engine.models.measuring import Call, in_turn_s
from engine.models.rvc.highpass import RATE_HZ, high_pass, high_pass_on_host
from engine.models.rvc.load import random_synthesizer
from engine.models.rvc.retrieval import NEIGHBOURS, Retrieval
from engine.models.rvc.shapes import VOCODERS
from engine.models.rvc.synthesizer import NOISE_SCALE, Synthesizer
from engine.system.installing import install_line

ROUNDS = 5
SPREAD = 0.5
"""Spread of embeddings around their cluster centre; the sounds of a voice form clusters."""
CLUSTER_SIZE = 40  # embeddings per cluster
PEER = "infer_rvc_python"
FAISS_ON_A_MAC = "not on a Mac: PyTorch and faiss each bring an OpenMP runtime, and the second one ends the process"


def in_turn_ms(calls: dict[str, Call], device: torch.device) -> dict[str, float]:
    """Median of five rounds in ms a call. The calls are interleaved, so that other load affects all of them equally."""
    times_s = in_turn_s(calls, device_wait(device), rounds=ROUNDS)
    return {name: round(float(np.median(each)) * 1000.0, 3) for name, each in times_s.items()}


def time_filters(sound: np.ndarray, device: torch.device) -> dict[str, Any]:
    """Time the 48 Hz high-pass on (n,) at 16 kHz that is already where it is filtered."""
    there = torch.from_numpy(sound).to(device)[None]
    calls: dict[str, Call] = {"device": lambda: high_pass(there), "host": lambda: high_pass_on_host(sound)}
    result: dict[str, Any] = {"seconds": round(len(sound) / RATE_HZ, 3)}
    if importlib.util.find_spec("scipy") is None:
        return result | {"ms": in_turn_ms(calls, device), "scipy": f"not installed: {install_line('scipy')}"}
    from scipy import signal

    order_5 = signal.butter(5, 48, "high", fs=RATE_HZ)
    calls["scipy"] = lambda: signal.filtfilt(*order_5, sound)
    ms = in_turn_ms(calls, device)
    return result | {
        "ms": ms,
        "times_scipy": round(ms["scipy"] / ms["device"], 3),
        "differs": float(np.abs(calls["device"]()[0].cpu().numpy() - calls["scipy"]()).max()),
    }


def time_retrieval(count: int, channels: int, queries: int, device: torch.device, threads: int) -> dict[str, Any]:
    """Time the search for the eight nearest of `count` embeddings for each of `queries` vectors, with the index as RVC
    trains it. The embeddings form clusters, as sounds do; without clusters an IVF index would find almost nothing.
    `recall_at_8` is the share of the true nearest that were found, according to FAISS' flat index. Without FAISS only
    ours is timed, and a line says why."""
    random = np.random.default_rng(0)
    middles = random.standard_normal((max(1, count // CLUSTER_SIZE), channels), np.float32)

    def drawn(size: int) -> np.ndarray:
        kinds = random.integers(0, len(middles), size)
        return middles[kinds] + SPREAD * random.standard_normal((size, channels), np.float32)

    embeddings, asked = drawn(count), torch.from_numpy(drawn(queries)).to(device)
    ours = Retrieval(torch.from_numpy(embeddings), device)
    calls: dict[str, Call] = {"ours": lambda: ours.search(asked)[1]}
    result: dict[str, Any] = {"embeddings": count, "queries": queries}
    if sys.platform == "darwin":
        return result | {"ms": in_turn_ms(calls, device), "faiss": FAISS_ON_A_MAC}
    if importlib.util.find_spec("faiss") is None:
        return result | {"ms": in_turn_ms(calls, device), "faiss": f"not installed: {install_line('faiss-cpu')}"}
    faiss: Any = importlib.import_module("faiss")  # faiss's type stubs lack the fields of SearchParametersIVF
    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexFlatL2(channels)
    flat.add(embeddings)
    lists = max(1, min(int(16 * count**0.5), count // 39))  # RVC's training
    ivf = faiss.index_factory(channels, f"IVF{lists},Flat")
    ivf.train(embeddings)
    ivf.add(embeddings)
    probing = {wide: faiss.SearchParametersIVF(nprobe=wide) for wide in (1, 8)}

    def by_faiss(index: Any, **options: Any) -> torch.Tensor:
        distances, rows = index.search(asked.cpu().numpy(), NEIGHBOURS, **options)
        torch.from_numpy(distances).to(device)
        return torch.from_numpy(rows).to(device)

    calls |= {
        "flat": lambda: by_faiss(flat),
        "ivf_nprobe_1": lambda: by_faiss(ivf, params=probing[1]),
        "ivf_nprobe_8": lambda: by_faiss(ivf, params=probing[8]),
    }
    ms = in_turn_ms(calls, device)
    found = {name: call().cpu().numpy() for name, call in calls.items()}
    return result | {
        "lists": lists,
        "ms": ms,
        "times": {name: round(each / ms["ours"], 3) for name, each in ms.items() if name != "ours"},
        "recall_at_8": {name: _recall(rows, found["flat"]) for name, rows in found.items() if name != "flat"},
        "same_rows_as_flat": round(float(np.mean(found["ours"] == found["flat"])), 5),
    }


def time_synthesizer(synthesizer: Synthesizer, frames: int) -> dict[str, Any]:
    """Time `infer` of one sound against the package infer-rvc-python on the same weights. If that is not installed, a
    line says how to install it. `latent_differs` is the largest difference of the decoder's input, with the same
    noise."""
    their_network = _their_synthesizer(synthesizer)
    if their_network is None:
        return {PEER: f"not installed: {install_line('--no-deps infer-rvc-python')}"}
    weights = next(synthesizer.parameters())
    device, dtype, shape = weights.device, weights.dtype, synthesizer.shape
    generator = torch.Generator().manual_seed(0)
    phone = torch.randn(1, frames, shape.content_channels, generator=generator).to(device, dtype)
    pitch, f0 = torch.full((1, frames), 100, device=device), torch.full((1, frames), 220.0, device=device)
    speaker, length = torch.zeros(1, dtype=torch.int64, device=device), torch.tensor([frames], device=device)

    def theirs() -> Any:
        return their_network.infer(phone, length, pitch, f0.to(dtype), speaker)

    calls: dict[str, Call] = {"ours": lambda: synthesizer.infer(phone, pitch, f0, speaker), PEER: theirs}
    with torch.inference_mode():
        ms = in_turn_ms(calls, device)
        torch.manual_seed(0)
        latent = theirs()[2][0]
        torch.manual_seed(0)
        mean, log_sd = synthesizer.encode(phone, pitch)
        z = torch.addcmul(mean, log_sd.exp(), torch.randn_like(mean), value=NOISE_SCALE)
        ours = synthesizer.reverse_flow(z, synthesizer.speaker(speaker))
    return {
        "frames": frames,
        "ms": ms,
        f"times_{PEER}": round(ms[PEER] / ms["ours"], 3),
        "latent_differs": float((ours - latent).abs().max()),
    }


def time_vocoders(synthesizer: Synthesizer, frames: int) -> dict[str, Any]:
    """Time the decoder of a synthesizer against that of the other vocoder, with random weights of the same shape."""
    weights, shape = next(synthesizer.parameters()), synthesizer.shape
    calls: dict[str, Call] = {}
    for vocoder in VOCODERS:
        made = synthesizer
        if vocoder != shape.vocoder:
            made = random_synthesizer(replace(shape, vocoder=vocoder)).settle(weights.device, weights.dtype)
        z = torch.zeros(1, shape.latent, frames, device=weights.device, dtype=weights.dtype)
        g = made.speaker(torch.zeros(1, dtype=torch.int64, device=weights.device))
        source = made.source(torch.full((1, frames), 220.0, device=weights.device))
        calls[vocoder] = partial(made.decode, z, g, source)
    with torch.inference_mode():
        ms = in_turn_ms(calls, weights.device)
    return {"frames": frames, "ms": ms, "times_RefineGAN": round(ms["RefineGAN"] / ms["HiFi-GAN"], 3)}


def _recall(rows: np.ndarray, truth: np.ndarray) -> float:
    hits = [len(np.intersect1d(found, true)) for found, true in zip(rows, truth, strict=True)]
    return round(sum(hits) / truth.size, 5)


def _their_synthesizer(synthesizer: Synthesizer) -> Any | None:
    """Their network with our weights, or None if it is not installed. The package's own `__init__` imports libraries
    that the synthesizer does not need, so an empty module replaces it."""
    found = importlib.util.find_spec(PEER)
    if found is None or found.submodule_search_locations is None:
        return None
    empty = types.ModuleType(PEER)
    empty.__path__ = list(found.submodule_search_locations)
    empty.__spec__ = found  # without it the next call would not find the package
    sys.modules.setdefault(PEER, empty)
    from infer_rvc_python.lib.infer_pack import models

    shape, weights = synthesizer.shape, next(synthesizer.parameters())
    kinds = {"v1": models.SynthesizerTrnMs256NSFsid, "v2": models.SynthesizerTrnMs768NSFsid}
    their_network = kinds[shape.version](*shape.config(), is_half=weights.dtype == torch.float16).eval()
    their_network.remove_weight_norm()
    del their_network.enc_q
    their_network.load_state_dict(synthesizer.state_dict())
    return their_network.to(weights.device, weights.dtype)
