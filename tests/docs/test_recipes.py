"""A sink and a source that are added by the recipe of docs/recipes.md, in a copy of the
checkout."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SCRIPT = """
import typer
from engine.cli import doc_tables
from engine.cli.main import commands_of
from engine.sinks.registry import sink_class
print("class", sink_class("laser").__name__)
print(doc_tables.fill_tables("<!-- options: run -->\\n<!-- end -->", typer.main.get_command(commands_of())))
"""


def test_an_added_sink_and_source_are_in_the_help_and_in_the_docs(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "osc_schema", tmp_path / "osc_schema")
    engine = Path(
        shutil.copytree(
            ROOT / "engine", tmp_path / "engine", ignore=shutil.ignore_patterns("__pycache__")
        )
    )
    null = (engine / "sinks" / "null.py").read_text(encoding="utf-8")
    (engine / "sinks" / "laser.py").write_text(
        null.replace("NullSink", "LaserSink").replace('"null"', '"laser"')
    )
    added = 'KINDS = {\n    "laser": SinkKind(help_name="the laser", argument="name"),\n'
    replace(tmp_path / "osc_schema" / "sinks.py", "KINDS = {\n", added)
    replace(
        engine / "sources" / "opening.py",
        "FROM_PROGRAMS = {\n",
        'FROM_PROGRAMS = {\n    "radar": "engine:Radar",\n',
    )

    environment = os.environ | {
        "PYTHONPATH": str(tmp_path),
        "COLUMNS": "400",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-c", SCRIPT]
    written = subprocess.check_output(command, env=environment, cwd=tmp_path, text=True)
    assert "class LaserSink" in written
    (sinks,) = re.findall(r"^\| `--sink .*", written, re.MULTILINE)
    (cameras,) = re.findall(r"^\| `--camera .*", written, re.MULTILINE)
    assert " laser, syphon, " in sinks and " radar:NAME, ndi:NAME, " in cameras


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
