"""The cost of asking a VLM, as its user types it."""

import json
import re

import pytest

from tools import benchmark


def test_asking_is_measured_for_every_task(tmp_path, capsys):
    out = tmp_path / "vlm.json"
    command = ["vlm", "--frames", "23", "--size", "96x64", "--repeats", "1", "--json", str(out)]
    assert benchmark.main(command) == 0
    report, printed = json.loads(out.read_text()), capsys.readouterr().out
    settings = report["settings"]
    assert settings["action_genome_frames"] == 234_253
    assert 23 <= settings["pairs"] <= 4 * 23
    for task, found in report["tasks"].items():
        prompts = settings["pairs"] if task == "predcls" else 23
        asked_per_frame = found["prompts_per_second"] / found["frames_per_second"]
        assert asked_per_frame == pytest.approx(prompts / 23)
        hours = 234_253 / found["frames_per_second"] / 3600
        assert found["action_genome_hours"] == pytest.approx(hours)
        assert found["action_genome_bytes"] == pytest.approx(234_253 * found["bytes_per_frame"])
        assert found["bytes_per_frame"] > 100
        for name in ("parsed", "malformed_parsed", "cached_frames", "images_alone"):
            assert found[f"{name}_per_second"] > 0
    assert re.search(r"^vlm +predcls +sgcls +sgdet$", printed, re.M)
    assert re.search(r"^prompts/s( +[\d,]+){3}$", printed, re.M)
    assert re.search(r"^234,253 frames( +\d+\.\d\d h, [\d,]+ MB){3}$", printed, re.M)
    assert benchmark.main([*command, "--compare", str(out)]) == 0
    assert "tasks.sgdet.frames_per_second" in capsys.readouterr().out


@pytest.mark.parametrize("option", ["--frames", "--repeats"])
def test_bad_counts_are_one_line(option, capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["vlm", option, "0"])
    assert capsys.readouterr().err.strip() == f"error: {option} must be at least 1 (got 0)"
