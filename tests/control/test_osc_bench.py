"""A short `multiverse bench osc`: packets and answers add up on machines of any speed."""

from engine.bench import osc
from engine.bench.progress import Progress


def test_the_bench_finds_every_message_and_every_answer() -> None:
    figures = osc.run(rate=5000, seconds=0.5, width=160, height=90, fps=30.0, progress=Progress())
    assert figures["messages"] == 2500 + figures["last_values"]
    assert figures["lost"] == figures["last_values_lost"] == 0
    assert figures["last_values"] > 20 and figures["flood_end_to_frame_ms"] > 0.0
    assert figures["latency_ms_worst"] >= figures["latency_ms_p99"] >= figures["latency_ms_p50"] > 0.0
    assert 0.0 < figures["latency_cost_ms_a_frame"] < figures["frame_ms_p50_quiet"]
    assert 0.0 <= figures["cores_busy_elsewhere"] <= 1.1 * figures["cores"], "the condition of the losses"
    assert figures["questions"] > 3 and figures["unanswered"] == 0
    assert figures["receive_buffer_bytes"] >= 65_536
    assert figures["arrival_to_frame_ms_p99"] >= figures["arrival_to_frame_ms_p50"] > 0.0
    assert figures["dmx_packets"] > 3 and figures["dmx_lost"] == 0
    assert figures["dmx_packet_to_value_ms_p99"] >= figures["dmx_packet_to_value_ms_p50"] > 0.0
