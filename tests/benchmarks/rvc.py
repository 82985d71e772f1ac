"""A voice's parts beside other libraries, on the same data, in alternating calls: voice.py with
baselines.

`retrieval`: FAISS, flat and IVF; `filter`: SciPy; `synthesizer`: infer-rvc-python. FAISS and SciPy
work on the CPU, so what they get is copied from the device and back, as in RVC. Each call is timed
until its result is available.
"""

import importlib
from functools import partial

import numpy as np
import torch

from engine.models.device_work import device_wait
from engine.models.rvc.highpass import RATE_HZ, high_pass, high_pass_on_host
from engine.models.rvc.retrieval import NEIGHBOURS, Retrieval
from engine.models.rvc.synthesizer import NOISE_SCALE
from tests.benchmarks import voice
from tests.benchmarks.device_measuring import interleaved_ms
from tests.benchmarks.measuring import in_own_process
from tests.models.rvc import peers

ROUNDS = 5
QUERIES = 100  # two seconds
SPREAD = 0.5
"""Spread of embeddings around their cluster centre; the sounds of a voice form clusters."""
CLUSTER_SIZE = 40  # embeddings per cluster
FRAMES = 100
PEER = peers.PACKAGE.name


def run(options, progress):
    return in_own_process(_measure, options, progress)


def _measure(options, progress):
    result, model = voice.measure(options, progress)
    synthesizer, device = model.synthesizer, model.device
    channels, sound = (
        synthesizer.shape.content_channels,
        voice.spoken(result["offline"]["seconds"], RATE_HZ),
    )
    baselines = {
        "retrieval": partial(time_retrieval, options.embeddings, channels, device, options.threads),
        "filter": partial(time_filters, sound, device),
        "synthesizer": partial(time_synthesizer, synthesizer),
    }
    for number, (name, time_baselines) in enumerate(baselines.items()):
        progress(f"baselines: {name}", 0.8 + 0.05 * number)
        try:
            result[name] = time_baselines()
        except ImportError as error:
            result[name] = {"not installed": str(error)}
    return result


def medians_ms(calls, device):
    times_ms = interleaved_ms(calls, device_wait(device), rounds=ROUNDS, min_calls=1)
    return {name: round(float(np.median(each)), 3) for name, each in times_ms.items()}


def time_filters(sound, device):
    """Time the 48 Hz high-pass on (n,) at 16 kHz that is already where it is filtered."""
    from scipy import signal

    there, order_5 = (
        torch.from_numpy(sound).to(device)[None],
        signal.butter(5, 48, "high", fs=RATE_HZ),
    )
    calls = {"device": lambda: high_pass(there), "host": lambda: high_pass_on_host(sound)}
    calls["scipy"] = lambda: signal.filtfilt(*order_5, sound)
    ms = medians_ms(calls, device)
    return {
        "seconds": round(len(sound) / RATE_HZ, 3),
        "ms": ms,
        "differs": float(np.abs(calls["device"]()[0].cpu().numpy() - calls["scipy"]()).max()),
    }


def time_retrieval(count, channels, device, threads):
    """Time the search for the eight nearest of `count` embeddings for each of QUERIES vectors, with
    the index as RVC trains it. The embeddings form clusters, as sounds do; without clusters an IVF
    index would find almost nothing. `recall_at_8` is the share of the true nearest that were found,
    according to FAISS' flat index."""
    faiss = importlib.import_module("faiss")
    random = np.random.default_rng(0)
    middles = random.standard_normal((max(1, count // CLUSTER_SIZE), channels), np.float32)

    def sample(size):
        kinds = random.integers(0, len(middles), size)
        return middles[kinds] + SPREAD * random.standard_normal((size, channels), np.float32)

    embeddings, queries = sample(count), torch.from_numpy(sample(QUERIES)).to(device)
    ours = Retrieval(torch.from_numpy(embeddings), device)
    faiss.omp_set_num_threads(threads)
    flat = faiss.IndexFlatL2(channels)
    flat.add(embeddings)
    lists = max(1, min(int(16 * count**0.5), count // 39))  # RVC's training
    ivf = faiss.index_factory(channels, f"IVF{lists},Flat")
    ivf.train(embeddings)
    ivf.add(embeddings)

    def by_faiss(index, **options):
        distances, rows = index.search(queries.cpu().numpy(), NEIGHBOURS, **options)
        torch.from_numpy(distances).to(device)
        return torch.from_numpy(rows).to(device)

    calls = {"ours": lambda: ours.search(queries)[1], "flat": lambda: by_faiss(flat)}
    for wide in (1, 8):
        calls[f"ivf_nprobe_{wide}"] = partial(
            by_faiss, ivf, params=faiss.SearchParametersIVF(nprobe=wide)
        )
    ms = medians_ms(calls, device)
    found = {name: call().cpu().numpy() for name, call in calls.items()}
    return {
        "embeddings": count,
        "lists": lists,
        "ms": ms,
        "recall_at_8": {
            name: _recall(rows, found["flat"]) for name, rows in found.items() if name != "flat"
        },
        "same_rows_as_flat": round(float(np.mean(found["ours"] == found["flat"])), 5),
    }


def _recall(rows, truth):
    hits = [len(np.intersect1d(found, true)) for found, true in zip(rows, truth, strict=True)]
    return round(sum(hits) / truth.size, 5)


def time_synthesizer(synthesizer):
    """Time the synthesizer beside the reference one, with the same noise; `latent_differs`: of the
    decoder's input."""
    weights, shape = next(synthesizer.parameters()), synthesizer.shape
    device, dtype = weights.device, weights.dtype
    their_network = peers.synthesizer(shape, is_half=dtype == torch.float16)
    their_network.remove_weight_norm()
    del their_network.enc_q
    their_network.load_state_dict(synthesizer.state_dict())
    their_network.to(device, dtype)
    generator = torch.Generator().manual_seed(0)
    phone = torch.randn(1, FRAMES, shape.content_channels, generator=generator).to(device, dtype)
    pitch, f0 = (
        torch.full((1, FRAMES), 100, device=device),
        torch.full((1, FRAMES), 220.0, device=device),
    )
    speaker, length = (
        torch.zeros(1, dtype=torch.int64, device=device),
        torch.tensor([FRAMES], device=device),
    )

    def theirs():
        return their_network.infer(phone, length, pitch, f0.to(dtype), speaker)

    with torch.inference_mode():
        ms = medians_ms(
            {
                "ours": lambda: peers.ours_whole(synthesizer, phone, pitch, f0, speaker),
                PEER: theirs,
            },
            device,
        )
        torch.manual_seed(0)
        latent = theirs()[2][0]
        torch.manual_seed(0)
        mean, log_sd = synthesizer.encode(phone, pitch)
        z = torch.addcmul(mean, log_sd.exp(), torch.randn_like(mean), value=NOISE_SCALE)
        ours = synthesizer.reverse_flow(z, synthesizer.speaker(speaker))
    return {
        "ms": ms,
        f"times_{PEER}": round(ms[PEER] / ms["ours"], 3),
        "latent_differs": float((ours - latent).abs().max()),
    }
