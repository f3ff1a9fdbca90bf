"""docs/priors.md says what the code does."""

import re
from dataclasses import fields
from pathlib import Path

from vost_sgg.config import get_vost_cfg
from vost_sgg.priors.files import VideoFeatures

PAGE = (Path(__file__).parents[2] / "docs/priors.md").read_text()


def keys(node, prefix=""):
    for name, value in node.items():
        yield from keys(value, f"{prefix}{name}.") if isinstance(value, dict) else [prefix + name]


def test_every_key_is_in_the_table():
    table = PAGE.split("| key of `MODEL.PRIORS`")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    assert {key for row in rows for key in re.findall(r"`([\w.]+)`", row)} == set(
        keys(get_vost_cfg().MODEL.PRIORS)
    )


def test_every_tensor_is_in_the_table():
    table = PAGE.split("| tensor | shape")[1].split("\n\n")[0]
    rows = [row.split("|")[1] for row in table.splitlines()[2:]]
    names = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    assert names == [field.name for field in fields(VideoFeatures)]
