"""docs/vlm.md says what the code does."""

from pathlib import Path

from vost_sgg.vlm.answers import ANSWER_VERSION
from vost_sgg.vlm.confusion import PREDICATE_CONFUSIONS
from vost_sgg.vlm.parser import ISSUES
from vost_sgg.vlm.words import prompt_word

PAGE = (Path(__file__).parents[2] / "docs/vlm.md").read_text()


def test_every_issue_is_in_the_table():
    for kind, meaning in ISSUES.items():
        assert f"| `{kind}` | {meaning} |" in PAGE


def test_every_confusion_is_in_the_table():
    for true, others in PREDICATE_CONFUSIONS.items():
        named = ", ".join(map(prompt_word, others.split()))
        assert f"| {prompt_word(true)} | {named} |" in PAGE


def test_the_schema_version_is_the_codes():
    assert f"`ANSWER_VERSION`, {ANSWER_VERSION})" in PAGE
