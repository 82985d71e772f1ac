"""The Chromium builds that tests of pages use."""

import os
import shutil

CHROMIUM = shutil.which("chromium") if os.name == "posix" else None
"""The full browser, as users have it."""
SHELL = (shutil.which("chromium-headless-shell") or CHROMIUM) if os.name == "posix" else None
"""The headless shell, if it is installed: half the work, but it does not draw at a display's regular rate."""
MISSING = (
    "chromium is missing (apt-get install chromium)"
    if os.name == "posix"
    else "only on linux, darwin: Playwright's Node does not start under Wine"
)
"""Why there is none."""
