"""Rate limits as token buckets: `capacity` at once, then `per_second`. Pure: time comes in as an
argument.

The algorithm is the usual one (https://en.wikipedia.org/wiki/Token_bucket). A bucket starts full.
"""

import threading
from collections import OrderedDict
from collections.abc import Hashable
from typing import Final

ROUNDING: Final = (
    1e-6  # of a token: the sum of rounding errors after many small steps of a float clock
)


class TokenBucket:
    """A rate limit as one token bucket. Not locked: use it on one thread, or under the caller's
    lock."""

    def __init__(self, capacity: float, per_second: float) -> None:
        self._capacity = float(capacity)
        self._per_second = float(per_second)
        self._tokens = self._capacity
        self._at_s = float("-inf")

    def tokens(self, now_s: float) -> float:
        """The number of tokens now; negative after `spend` took more than there were."""
        if now_s > self._at_s:
            gained = (now_s - self._at_s) * self._per_second if self._at_s > float("-inf") else 0.0
            self._tokens = min(self._capacity, self._tokens + gained)
            self._at_s = now_s
        return self._tokens

    def take(self, now_s: float, count: float = 1.0) -> bool:
        """Take `count` tokens if there are that many."""
        is_allowed = count <= self.tokens(now_s) + ROUNDING
        if is_allowed:
            self._tokens -= count
        return is_allowed

    def whole_tokens(self, now_s: float) -> int:
        """Tokens that can be taken now one by one; 0 during a debt."""
        return max(0, int(self.tokens(now_s) + ROUNDING))

    def spend(self, now_s: float, count: float) -> None:
        """Take `count` tokens even if there are fewer: later takes fail until the debt is paid."""
        self.tokens(now_s)
        self._tokens -= count

    def wait_s(self, now_s: float, count: float = 1.0) -> float:
        """Seconds until `take(count)` succeeds; 0 if it would now, infinity if never."""
        missing = count - self.tokens(now_s)
        if missing <= ROUNDING:
            return 0.0
        if self._per_second <= 0 or count > self._capacity:
            return float("inf")
        return missing / self._per_second


class TokenBuckets:
    """A bucket per key, such as a sender's host. Keeps the `max_keys` used last; a forgotten key
    starts full again."""

    def __init__(self, capacity: float, per_second: float, max_keys: int = 1024) -> None:
        self._capacity = capacity
        self._per_second = per_second
        self._max_keys = max_keys
        self._buckets: OrderedDict[Hashable, TokenBucket] = OrderedDict()

    def __getitem__(self, key: Hashable) -> TokenBucket:
        bucket = self._buckets.get(key)
        if bucket is None:
            bucket = self._buckets[key] = TokenBucket(self._capacity, self._per_second)
            if len(self._buckets) > self._max_keys:
                self._buckets.popitem(last=False)
        else:
            self._buckets.move_to_end(key)
        return bucket

    def __len__(self) -> int:
        """Number of keys that are remembered."""
        return len(self._buckets)


class SharedLimit:
    """A limit per key, and one for all keys together, which senders with forged addresses cannot
    evade. Any thread."""

    def __init__(self, each: TokenBuckets, together: TokenBucket) -> None:
        self._each = each
        self._together = together
        self._lock = threading.Lock()

    def take(self, key: Hashable, now_s: float) -> bool:
        """Take one token of this key and one of the common bucket, or neither."""
        with self._lock:
            if self._together.whole_tokens(now_s) < 1 or not self._each[key].take(now_s):
                return False
            return self._together.take(now_s)
