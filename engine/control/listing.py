"""Rate limits for messages that are answered with many others.

A `/get //*` of 16 bytes is answered with a hundred packets, and over UDP the sender's address may be forged: without a
limit the engine could be used to amplify a flood a hundredfold against a third party (a reflection attack). And a
client that keeps asking for a list of a thousand entries would block the thread that handles everybody's messages.

Both limits are per host, not per port: a sender that forges its address forges the port too.
"""

import osc_schema
from engine.control.outbox import MAX_PACKETS, PACKETS_A_SENDING, SENDING_INTERVAL_S
from engine.system.token_bucket import TokenBuckets


def limit_of_patterns() -> TokenBuckets:
    """The rate limit for `/get` with patterns: a burst of every value eight times (several programs on one machine that
    start together), then every value once a second."""
    return TokenBuckets(8 * len(osc_schema.PARAMS), len(osc_schema.PARAMS))


def limit_of_commands() -> TokenBuckets:
    """The rate limit for listing commands: a burst that fits into the outbox, then as many messages as UDP can send."""
    return TokenBuckets(MAX_PACKETS, PACKETS_A_SENDING / SENDING_INTERVAL_S)


def host_of(sender_name: str) -> str:
    """The name without its port: `udp 127.0.0.1` for `udp 127.0.0.1:5000`."""
    return sender_name.rpartition(":")[0]
