import numpy as np
import pytest

from engine.errors import UsageError
from engine.jobs.dataset.scene import stream


def test_a_stream_is_the_same_in_every_process_and_on_every_machine() -> None:
    crc_32 = 3363197873  # of b"terrain"
    plain = np.random.Generator(np.random.PCG64(np.random.SeedSequence(1000, spawn_key=(crc_32,))))
    known = [681916870, 2098458682, 1234226013]
    assert stream(1000, "terrain").integers(2**32, size=3).tolist() == known
    assert plain.integers(2**32, size=3).tolist() == known


def test_streams_of_two_names_are_independent() -> None:
    one, other = stream(5, "terrain").random(2000), stream(5, "layout").random(2000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


def test_streams_of_neighbouring_seeds_are_independent() -> None:
    one, other = stream(5, "terrain").random(2000), stream(6, "terrain").random(2000)
    assert abs(np.corrcoef(one, other)[0, 1]) < 0.06


@pytest.mark.parametrize("seed", [0, 2**63 - 1, 2**63, 2**64, 2**64 + 1, 2**200])
def test_seeds_of_any_size_have_streams_of_their_own(seed: int) -> None:
    own = stream(seed, "light").integers(2**63)
    assert own == stream(seed, "light").integers(2**63)
    assert own != stream(seed + 1, "light").integers(2**63)


def test_large_seeds_are_not_cut_to_some_number_of_bits() -> None:
    seeds = [0, 2**31, 2**32, 2**63, 2**64, 2**128]
    assert len({int(stream(seed, "light").integers(2**63)) for seed in seeds}) == len(seeds)


def test_a_negative_seed_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"--seed: -1 is not 0 or more"):
        stream(-1, "light")
