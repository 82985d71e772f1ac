"""Python runs this first in a process of `tests.support.other_system`, and in all its child
processes."""

import os

import disguise

disguise.put_on()
if os.environ.get("DISGUISE_LIGHT"):
    import heavy

    heavy.leave_out()
