"""Runs modules of the page in Node, if they use neither DOM nor clock."""

import json
import subprocess
from pathlib import Path
from typing import Any

from engine.jobs.video import live

PAGE = Path(live.__file__).parent / "page"
# Read and imported as data: older versions take a .js without a package.json for no module.
SCRIPT = """
const read = (await import("node:fs")).readFileSync;
const page = await import("data:text/javascript;base64," + read(process.argv[1]).toString("base64"));
const given = JSON.parse(read(0, "utf8"));
const answer = ((page, given) => { %s })(page, given);
process.stdout.write(JSON.stringify(answer));
"""


def run_module(name: str, body: str, argument: Any) -> Any:
    """The result of the JavaScript `body`; in it the module is `page` and the value is `given`."""
    command = ["node", "--input-type=module", "--eval", SCRIPT % body, str(PAGE / name)]
    done = subprocess.run(
        command,
        input=json.dumps(argument),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)
