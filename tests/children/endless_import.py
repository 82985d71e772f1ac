"""A module whose import never ends, as from an unreachable network folder."""

import time

time.sleep(1000.0)
