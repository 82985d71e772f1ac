"""Token buckets, with made-up times."""

from engine.system.token_bucket import TokenBucket, TokenBuckets


def test_a_full_bucket_then_its_rate() -> None:
    bucket = TokenBucket(3, 2.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s(10.0) == 0.5
    assert bucket.take(10.5) and not bucket.take(10.5)
    assert bucket.tokens(1000.0) == 3
    assert bucket.wait_s(1000.0, 4) == float("inf")


def test_a_debt_is_paid_before_the_next() -> None:
    bucket = TokenBucket(2, 1.0)
    bucket.spend(0.0, 5)
    assert bucket.tokens(0.0) == -3 and not bucket.take(3.5) and bucket.take(4.0)


def test_a_clock_that_steps_back_gives_nothing() -> None:
    bucket = TokenBucket(1, 1.0)
    assert bucket.take(5.0) and not bucket.take(4.0) and bucket.take(6.0)


def test_buckets_per_key_forget_the_key_unused_longest() -> None:
    buckets = TokenBuckets(1, 0.0, max_keys=2)
    assert buckets["a"].take(0.0) and buckets["b"].take(0.0)
    assert not buckets["a"].take(0.0)
    assert buckets["c"].take(0.0)  # forgets b
    assert buckets["b"].take(0.0) and not buckets["c"].take(0.0)
