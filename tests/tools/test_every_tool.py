"""What every tool owes its user before it does anything."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = sorted(path.stem for path in (ROOT / "tools").glob("*.py"))


def python(code):
    return subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)


@pytest.mark.parametrize("tool", TOOLS)
def test_help_is_quick_and_needs_no_torch(tool):
    code = (
        f"import runpy, sys\nsys.argv = ['{tool}', '--help']\n"
        f"try: runpy.run_path('tools/{tool}.py', run_name='__main__')\n"
        "finally: assert not {'torch', 'detectron2', 'numpy'} & set(sys.modules)"
    )
    result = python(code)
    assert result.returncode == 0 and "usage:" in result.stdout, result.stderr
    assert not result.stderr


def test_nothing_is_warned_of_on_import():
    rooms = ("engine", "engine.benchmark.model", "vlm", "visualization", "data.sample")
    result = python("import " + ", ".join(f"vost_sgg.{room}" for room in rooms))
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")
