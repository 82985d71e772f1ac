"""Token buckets, on given times."""

from engine.system.token_bucket import SharedLimit, TokenBucket, TokenBuckets


def test_a_full_bucket_then_its_rate() -> None:
    bucket = TokenBucket(3, 2.0)
    assert [bucket.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert bucket.wait_s(10.0) == 0.5
    assert bucket.take(10.5) and not bucket.take(10.5)
    assert bucket.tokens(1000.0) == 3
    assert bucket.wait_s(1000.0, 4) == float("inf")


def test_buckets_per_key_forget_the_key_unused_longest() -> None:
    buckets = TokenBuckets(1, 0.0, max_keys=2)
    assert buckets["a"].take(0.0) and buckets["b"].take(0.0)
    assert not buckets["a"].take(0.0)
    assert buckets["c"].take(0.0)  # forgets b
    assert buckets["b"].take(0.0) and not buckets["c"].take(0.0)


def test_a_shared_limit_takes_from_both_or_neither() -> None:
    limit = SharedLimit(TokenBuckets(1, 1.0), TokenBucket(2, 0.5))
    assert [limit.take(key, 0.0) for key in ("a", "a", "b", "c")] == [True, False, True, False]
    assert [limit.take("c", now_s) for now_s in (1.0, 2.0, 3.0)] == [False, True, False]
