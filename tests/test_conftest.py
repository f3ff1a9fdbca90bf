"""A test run that shows nothing fails: skipped tests, tests expected to fail, no tests at all."""

from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

CONFTEST = Path(__file__).parent / "conftest.py"


@pytest.fixture
def run(pytester, request):
    """run(test file's text, options...) -> the result of a pytest run under this folder's conftest.py."""
    pytester.makeconftest(CONFTEST.read_text())
    pytester.makepyprojecttoml("[tool.pytest.ini_options]\n")

    def run_file(text: str, *options: str):
        pytester.makepyfile(text)
        return pytester.runpytest_inprocess("-p", "no:cacheprovider", *options)

    return run_file


PASSING = "def test_passing(): pass"
BAD = {
    "skip in a test": "import pytest\ndef test_it(): pytest.skip('later')",
    "skip mark": "import pytest\n@pytest.mark.skip\ndef test_it(): pass",
    "skip of a file": "import pytest\npytest.skip('later', allow_module_level=True)",
    "missing import": "import pytest\npytest.importorskip('no_such_module')",
    "expected failure": "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False",
    "unexpected pass": "import pytest\n@pytest.mark.xfail\ndef test_it(): pass",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD.keys())
def test_skipped_and_xfailed_tests_fail_the_run(run, pytester, text):
    pytester.makepyfile(test_other=PASSING)
    result = run(text)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped or expected to fail: the run fails*"])


@pytest.mark.parametrize("text", [BAD["skip mark"], BAD["skip of a file"]], ids=["test", "file"])
def test_skipped_tests_fail_the_run_of_several_processes(run, pytester, text):
    pytester.makepyfile(test_other=PASSING)
    result = run(text, "-n", "2", "--dist", "loadfile")
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["*skipped or expected to fail: the run fails*"])


def test_passing_tests_pass(run):
    assert run(PASSING).ret == pytest.ExitCode.OK


def test_a_run_of_no_tests_fails(run):
    assert run("").ret == pytest.ExitCode.NO_TESTS_COLLECTED


def test_every_test_starts_from_the_same_random_state(run):
    draws = "(random.random(), np.random.rand(), torch.rand(1).item())"
    result = run(
        "import random, numpy as np, torch\n"
        "seen = []\n"
        f"def test_one(): seen.append({draws})\n"
        f"def test_two(): assert seen == [{draws}]\n"
    )
    result.assert_outcomes(passed=2)
