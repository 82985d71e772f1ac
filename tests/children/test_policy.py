"""The death policy without processes: times and deaths come in as arguments."""

import pytest

from engine.children.policy import Deadlines, DeathPolicy, HangDetector, Promotion
from engine.ipc import Phase

TIMES = Deadlines()


def deaths(policy: DeathPolicy, count: int, **tried: object) -> list[float | None]:
    return [policy.on_death(tried, had_result=False, is_final=False).delay_s for _ in range(count)]


def test_the_delay_doubles_from_half_a_second_to_thirty_and_a_result_resets_it() -> None:
    policy = DeathPolicy(TIMES)
    assert deaths(policy, 9) == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]
    assert {policy.on_death({}, had_result=True, is_final=False).delay_s for _ in range(50)} == {
        0.5
    }
    assert deaths(policy, 2) == [0.5, 1]


def test_the_last_proved_value_replaces_a_quarantined_one_and_is_never_blamed() -> None:
    policy = DeathPolicy(TIMES)
    policy.on_passed("/sd/prompt", "a meadow")
    policy.on_passed("/sd/prompt", "a lake")
    deaths(policy, 3, **{"/sd/prompt": "poison"})
    deaths(policy, 10, **{"/sd/prompt": "a meadow"})
    assert policy.quarantined == ("/sd/prompt: poison",)
    assert policy.replace_quarantined({"/sd/prompt": "poison"}) == {"/sd/prompt": "a lake"}
    assert policy.replace_quarantined({"/sd/prompt": "a tree"}) == {"/sd/prompt": "a tree"}
    deaths(policy, 3, **{"/sd/t_index": [10, 20]})
    assert policy.replace_quarantined({"/sd/t_index": (10, 20)}) == {}, (
        "tuples and lists count as the same value"
    )


def test_a_prompt_that_worked_after_two_deaths_starts_from_zero_and_another_that_works_does_not_save_it() -> (
    None
):
    policy = DeathPolicy(TIMES)
    deaths(policy, 2, **{"/sd/prompt": "heavy"})
    policy.on_passed("/sd/prompt", "heavy")
    deaths(policy, 3, **{"/sd/prompt": "heavy"})
    assert policy.quarantined == ()
    states = []
    for _ in range(3):
        policy.on_passed("/sd/prompt", "a meadow")
        policy.on_death({"/sd/prompt": "poison"}, had_result=True, is_final=False)
        states.append(policy.quarantined)
    assert states == [(), (), ("/sd/prompt: poison",)]


def test_a_model_that_kills_three_times_and_a_final_fault_are_not_restarted() -> None:
    assert deaths(DeathPolicy(TIMES), 3, model="broken.safetensors") == [0.5, 1, None]
    assert DeathPolicy(TIMES).on_death({}, had_result=True, is_final=True).delay_s is None


@pytest.mark.parametrize(
    ("phase", "expected_s", "limit_s"),
    [
        (Phase.LOADING, 0.0, 300),
        (Phase.COMPILING, 0.0, 600),
        (Phase.CAPTURING, 0.0, 60),
        (Phase.RUNNING, 0.0, 10),
        (Phase.RUNNING, 12.0, 48),
        (Phase.RUNNING, 1000.0, 300),
        (Phase.IDLE, 12.0, 10),
    ],
)
def test_each_phase_has_its_deadline_and_declared_work_four_times_its_duration_up_to_five_minutes(
    phase: Phase, expected_s: float, limit_s: float
) -> None:
    assert TIMES.hang(phase, limit_s, 0.0, expected_s) == ""
    expected = f"{phase.name.lower()} for {limit_s + 0.1:.3g} s, longer than {limit_s:g} s"
    assert TIMES.hang(phase, limit_s + 0.1, 0.0, expected_s) == expected


def test_the_heartbeat_timeout_is_shorter_while_pictures_are_produced() -> None:
    for phase, limit_s in ((Phase.RUNNING, 10), (Phase.IDLE, 10), (Phase.LOADING, 30)):
        assert TIMES.hang(phase, 0.0, limit_s) == ""
        assert TIMES.hang(phase, 0.0, limit_s + 0.1).startswith("no heartbeat for")


def test_a_fork_servers_imports_do_not_count_as_the_childs_silence() -> None:
    detector = HangDetector(TIMES, 100.0)
    for second in range(101, 160):
        assert detector.hang(Phase.STARTING, 0.0, 0.0, second, is_started=False) == ""
    assert detector.hang(Phase.STARTING, 0.0, 0.0, 160.0, is_started=True) == ""
    assert detector.hang(Phase.STARTING, 160.1, 160.1, 161.0, is_started=True) == ""
    for second in range(162, 191):
        assert detector.hang(Phase.STARTING, 160.1, 160.1, second, is_started=True) == ""
    reason = detector.hang(Phase.STARTING, 160.1, 160.1, 191.0, is_started=True)
    assert reason == "no heartbeat for 30.9 s while starting"


def test_a_suspended_machine_is_not_a_hang() -> None:
    detector = HangDetector(TIMES, 100.0)
    assert detector.hang(Phase.IDLE, 100.0, 100.0, 101.0, is_started=True) == ""
    assert detector.hang(Phase.IDLE, 100.0, 100.0, 3700.0, is_started=True) == ""
    for second in range(3701, 3711):
        assert detector.hang(Phase.IDLE, 100.0, 100.0, second, is_started=True) == ""
    assert detector.hang(Phase.IDLE, 100.0, 100.0, 3710.5, is_started=True) != ""


def test_a_process_becomes_active_with_its_first_result_or_after_two_seconds_without_one() -> None:
    promotion = Promotion(TIMES)
    assert not promotion.is_due(results=0, phase=Phase.RUNNING, former_results=5, now_s=100.0)
    assert promotion.is_due(results=1, phase=Phase.IDLE, former_results=6, now_s=100.1)
    promotion = Promotion(TIMES)

    def is_due(now_s: float, phase: Phase = Phase.IDLE, former_results: int = 5) -> bool:
        return promotion.is_due(results=0, phase=phase, former_results=former_results, now_s=now_s)

    assert not is_due(100.0, Phase.CAPTURING)
    assert [is_due(100.5), is_due(102.4)] == [False, False]
    assert not is_due(102.5, former_results=6), "the first has published"
    assert not is_due(104.4, former_results=6)
    assert not is_due(104.5, Phase.RUNNING, former_results=6), "about to publish"
    assert [is_due(now_s, former_results=6) for now_s in (105.0, 106.9, 107.0)] == [
        False,
        False,
        True,
    ]


def test_a_manual_start_resets_blame_and_delay_but_keeps_proved_values() -> None:
    policy = DeathPolicy(TIMES)
    policy.on_passed("/sd/prompt", "a lake")
    deaths(policy, 5, **{"/sd/prompt": "poison"})
    policy.reset()
    assert policy.quarantined == ()
    assert policy.replace_quarantined({"/sd/prompt": "poison"}) == {"/sd/prompt": "poison"}
    assert deaths(policy, 1) == [0.5]
