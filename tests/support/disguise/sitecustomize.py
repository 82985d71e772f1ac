"""Python runs this first in a process of `tests.support.other_system`, and in all its child processes."""

import os
import sys

import disguise

if os.environ["DISGUISE"] != sys.platform:
    disguise.put_on(os.environ["DISGUISE"])
if os.environ.get("DISGUISE_LIGHT"):
    import heavy

    heavy.leave_out()
