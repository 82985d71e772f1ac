"""Rate limits for messages that are answered with many others.

A `/get //*` of 16 bytes is answered with a hundred packets, and over UDP the sender's address may be forged: without a
limit the engine would amplify a flood a hundredfold and point it at somebody else (a reflection attack). And a client
that asks for a list of a thousand entries again and again takes up the thread that carries out everybody's messages.

Both limits are per host, not per port: a sender that forges its address forges the port too.
"""

import osc_schema
from engine.control.outbox import MAX_PACKETS, PACKETS_A_SENDING, SENDING_INTERVAL_S
from engine.system.token_bucket import TokenBuckets


def limit_of_patterns() -> TokenBuckets:
    """The limit of `/get`: every value eight times at once (several programs on one machine that start together), then
    every value once a second."""
    return TokenBuckets(8 * len(osc_schema.PARAMS), len(osc_schema.PARAMS))


def limit_of_commands() -> TokenBuckets:
    """The limit of commands that list: as many messages as fit into the outbox, then as many as UDP can send."""
    return TokenBuckets(MAX_PACKETS, PACKETS_A_SENDING / SENDING_INTERVAL_S)


def host_of(sender_name: str) -> str:
    """The name without its port: `udp 127.0.0.1` of `udp 127.0.0.1:5000`."""
    return sender_name.rpartition(":")[0]
