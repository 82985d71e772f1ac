"""Python runs this first in a process of `tests.support.other_system`, and in every process that one starts."""

import os

import disguise

disguise.put_on(os.environ["DISGUISE"])
if os.environ.get("DISGUISE_LIGHT"):
    import heavy

    heavy.leave_out()
