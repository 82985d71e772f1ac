"""The segmentation child's settings from its parameters."""

from engine.live.sam3.loop import read_settings


def test_prompt_mode_and_source_are_part_of_the_query_and_the_threshold_is_not() -> None:
    before = read_settings({}).query
    for values in ({"/sam3/prompt/3": "dog"}, {"/sam3/mode": "track"}, {"/sam3/source": "video"}):
        assert read_settings(values).query != before, values
    for values in ({"/sam3/threshold": 0.7}, {"/sam3/max_objects": 3}, {"/sam3/interval_s": 1.0}):
        assert read_settings(values).query == before, values


def test_texts_name_the_suspects_of_a_crash_by_their_number() -> None:
    settings = read_settings(
        {"/sam3/prompt/1": "", "/sam3/prompt/2": "guitar", "/sam3/prompt/4": "  "}
    )
    assert settings.texts == {"/sam3/prompt/2": "guitar"}
