"""Maps that come with the engine, as they would stand in a file.

`resolume`: what Resolume Arena and Avenue 7 send when their OSC output is set to send all messages. Numbers come
normalised to 0..1 whatever their unit (Resolume's manual, "OSC"); the tempo is 20..500 beats a minute on that way.
Layers 1 to 4 are ours, with Resolume's 100 % as intensity 1; a clip that is connected in a layer shows it, clearing
the layer takes it out; the crossfader mixes layer 5 in; columns are cues. Resolume's faders may jump (a clip, an
autopilot, a mouse), so none of them waits to be picked up.
"""

from typing import Any, Final

LAYERS = (1, 2, 3, 4)
CLIPS = COLUMNS = range(1, 9)
TEMPO_BPM = (20.0, 500.0)
OUR_FASTEST_BPM = 300.0


def _resolume_layer(n: int) -> list[dict[str, Any]]:
    theirs, ours = f"osc /composition/layers/{n}", f"/layer/{n}"
    return [
        {"control": f"{theirs}/video/opacity", "target": f"{ours}/intensity", "high": 1.0, "takeover": False},
        {"control": f"{theirs}/bypassed", "target": f"{ours}/mute"},
        {"control": f"{theirs}/solo", "target": f"{ours}/solo"},
        {"control": f"{theirs}/clear", "target": f"{ours}/mute", "mode": "trigger"},
        *(
            {"control": f"{theirs}/clips/{clip}/connect", "target": f"{ours}/mute", "mode": "trigger", "high": False}
            for clip in CLIPS
        ),
    ]


BUILT_IN: Final[dict[str, tuple[dict[str, Any], ...]]] = {
    "resolume": (
        *(entry for n in LAYERS for entry in _resolume_layer(n)),
        {"control": "osc /composition/crossfader/phase", "target": "/layer/5/intensity", "takeover": False},
        {"control": "osc /composition/master", "target": "/master/fade", "takeover": False},
        {"control": "osc /composition/bypassed", "target": "/master/blackout"},
        *({"control": f"osc /composition/columns/{n}/connect", "target": f"/cue/{n}"} for n in COLUMNS),
        {"control": "osc /composition/tempocontroller/tempotap", "target": "/tempo/tap"},
        {"control": "osc /composition/tempocontroller/resync", "target": "/tempo/reset"},
        {
            "control": "osc /composition/tempocontroller/tempo",
            "target": "/tempo/bpm",
            "in_high": (OUR_FASTEST_BPM - TEMPO_BPM[0]) / (TEMPO_BPM[1] - TEMPO_BPM[0]),
            "takeover": False,
        },
    ),
}
