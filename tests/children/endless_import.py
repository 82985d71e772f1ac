"""A module whose import never ends, as on a network folder that is away."""

import time

time.sleep(1000.0)
