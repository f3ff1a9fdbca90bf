"""The benchmark as its user types it, at sample size: what it prints, what it writes, and how it refuses bad input."""

import copy
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from detectron2.layers import FrozenBatchNorm2d

from tools import benchmark
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.benchmark import evaluator, reports
from vost_sgg.engine.benchmark.evaluator import made_up_frame
from vost_sgg.engine.benchmark.flops import count_flops, count_step_flops
from vost_sgg.engine.benchmark.frame_by_frame import FrameByFrame, largest_difference
from vost_sgg.engine.benchmark.inputs import made_up_model, made_up_training_clips, made_up_video
from vost_sgg.engine.benchmark.model import outputs_agree
from vost_sgg.engine.benchmark.timing import phase_of
from vost_sgg.engine.benchmark.workload import Workload
from vost_sgg.evaluation import SceneGraphRecall
from vost_sgg.modeling.priors import PriorBatch

ROOT = Path(__file__).parents[2]
SAMPLE = ["--config-file", str(ROOT / "configs/sample/oed_sgdet.yaml")]
QUICK = ["--device", "cpu", "--frames", "4", "--size", "96x64", "--repeats", "1", "--batch", "2"]
SMALL = ["INPUT.MIN_SIZE_TEST", "64", "INPUT.MIN_SIZE_TRAIN", "(64,)"]


def last_stage(task: str, model: str = "oed"):
    cfg = get_vost_cfg(str(ROOT / f"configs/sample/{model}_{task}.yaml"), SMALL)
    return list(stage_configs(cfg).values())[-1]


def test_help_is_quick_and_needs_no_torch():
    code = (
        "import sys, tools.benchmark as t\n"
        "try: t.main(['model', '--help'])\nfinally: assert 'torch' not in sys.modules"
    )
    result = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    for flag in (
        "--device",
        "--precision",
        "--frames",
        "--size",
        "--repeats",
        "--compile",
        "--ablate",
        "--compare",
    ):
        assert flag in result.stdout


def test_a_model_is_measured_compared_and_the_ratio_is_the_last_line(tmp_path, capsys):
    first, second = str(tmp_path / "first.json"), str(tmp_path / "second.json")
    command = ["model", *SAMPLE, *QUICK]
    assert benchmark.main([*command, "--json", first, *SMALL]) == 0
    lines = capsys.readouterr().out.splitlines()
    ratio = re.fullmatch(r"video-level over frame-by-frame: (\d+\.\d\d)x", lines[-1])
    report = json.loads(Path(first).read_text())
    assert float(ratio[1]) == pytest.approx(report["video_level_over_frame_by_frame"], abs=0.006)
    loop = report["frame_by_frame"]
    assert loop["largest_difference"] <= loop["tolerance"] == 1e-4
    assert f"{loop['seconds_per_frame']:.4g} s a frame" in lines[-3]

    assert report["settings"]["size"] == [96, 64] and report["settings"]["frames"] == 4
    video = report["video"]
    phases = {"queries", "backbone", "encoder", "decoders", "heads", "temporal", "rest"}
    assert set(video["phase_seconds"]) == phases
    assert video["frames_per_second"] == pytest.approx(4 / video["seconds"])
    assert report["latency_seconds"] > 0 and video["peak_memory_bytes"] > 2**20
    counted = {"backbone", "encoder", "decoders", "heads", "temporal"}
    assert set(report["peak_share"]) == {"latency", "video", *counted}
    assert all(share > 0 for share in report["peak_share"].values())
    flops = report["flops"]
    assert flops["per_frame"] + flops["per_target"] >= sum(flops["phases"].values()) > 0
    spent = 2 * 4 * flops["phases"]["temporal"] / video["phase_seconds"]["temporal"]
    assert report["peak_share"]["temporal"] == pytest.approx(spent / report["matmul_peak"])
    spent = 2 * (3 * flops["per_frame"] + flops["per_target"]) / report["latency_seconds"]
    assert report["peak_share"]["latency"] == pytest.approx(spent / report["matmul_peak"])
    assert {"SPATIAL", "TEMPORAL"} <= report["training"].keys()
    for stage, step in report["training"].items():
        assert step["batch"] == 2 and step["seconds"] > 0
        assert step["over_plain"] == pytest.approx(step["plain_seconds"] / step["seconds"])
        spent = 2 * step["flops"] / step["seconds"]
        assert 0 < step["peak_share"] == pytest.approx(spent / report["matmul_peak"])
        said = (
            f"training step over the plain one: {step['over_plain']:.2f}x ({stage}, batch 2, plain:"
        )
        assert any(line.startswith(said) for line in lines)

    assert benchmark.main([*command, "--json", second, "--compare", first, *SMALL]) == 0
    printed = capsys.readouterr().out
    assert re.search(r"^latency_seconds( +\S+){2} +[\d.]+x$", printed, re.MULTILINE)
    assert printed.splitlines()[-1].startswith("video-level over frame-by-frame: ")

    for stage, said in (("SPATIAL", "out of memory"), ("TEMPORAL", "nothing to train")):
        gone = dict.fromkeys(report["training"][stage]) | {"batch": 2, "missing": said}
        report["training"][stage] = gone
    del report["video_level_over_frame_by_frame"]
    report["config"] = "configs/other.yaml"
    report["settings"]["device_type"] = "cuda"
    Path(second).write_text(json.dumps(report))
    assert benchmark.main(["table", first, second]) == 0
    head, _, *table = capsys.readouterr().out.splitlines()
    assert "float32: 4 frames of 96x64" in head and "training batch 2," in head
    names, _, whole, other = ([cell.strip() for cell in line.split("|")[1:-1]] for line in table)
    cells, others = dict(zip(names, whole, strict=True)), dict(zip(names, other, strict=True))
    assert (cells["config"], others["config"]) == ("oed_sgdet", "other")
    assert cells["over frame by frame"] == f"{ratio[1]}x" and others["over frame by frame"] == ""
    assert cells["video, frames/s"] == f"{video['frames_per_second']:.2f}"
    steps = json.loads(Path(first).read_text())["training"]
    assert f"TEMPORAL {steps['TEMPORAL']['over_plain']:.2f}x" in cells["over the plain step"]
    assert f"SPATIAL {steps['SPATIAL']['peak_share']:.1%}" in cells["of peak"]
    assert "SPATIAL out of memory" in others["training step, s"]
    assert cells["peak memory"] == "" and re.match(r"inference [\d,]+ MiB", others["peak memory"])
    assert "TEMPORAL" not in others["peak memory"]

    report["settings"]["precision"] = "bfloat16"
    Path(second).write_text(json.dumps(report))
    with pytest.raises(SystemExit):
        benchmark.main(["table", first, second])
    error = capsys.readouterr().err
    assert second in error and "bfloat16" in error and "one table each" in error


def test_a_spatial_model_in_bfloat16_compiled_has_no_ratio(capsys, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part: compiled.append(part))
    spatial = ["MODEL.TEMPORAL_AGGREGATOR.NAME", "NoAggregation"]
    spatial += ["STAGES.DETECTOR.SOLVER.EPOCHS", "0"]
    options = ["--precision", "bfloat16", "--compile", "--ablate", *SMALL, *spatial]
    assert benchmark.main(["model", *SAMPLE, *QUICK, *options]) == 0
    printed = capsys.readouterr().out
    assert "video-level over" not in printed and "bfloat16, compiled: 4 frames" in printed
    assert len(compiled) == 3
    assert re.search(r"^first passes, which compile +[\d.]+ s$", printed, re.MULTILINE)
    assert re.search(r"training step TEMPORAL, batch 2 +nothing to train", printed)
    put_back = [line for line in printed.splitlines() if re.search(r" [\d.e-]+ +[\d.]+x$", line)]
    rows = [re.match(r"(.+?)  +(.+?)  ", line).groups() for line in put_back]
    assert rows.count(("video", "float32")) == 1
    assert rows.count(("training step SPATIAL", "AdamW tensor by tensor")) == 1
    assert {measured for measured, _ in rows} == {"video", "training step SPATIAL"}


def test_the_model_is_measured_folded_and_the_loop_is_not(monkeypatch, capsys):
    norms = {}

    def watched(kind, name):
        call = getattr(kind, name)

        def watching(self, *args):
            model = self.model if kind is FrameByFrame else args[0]
            norms[kind] = sum(isinstance(m, FrozenBatchNorm2d) for m in model.modules())
            return call(self, *args)

        monkeypatch.setattr(kind, name, watching)

    watched(FrameByFrame, "__call__")
    watched(Workload, "run")
    frozen = ["MODEL.RESNETS.NORM", "FrozenBN"]
    assert benchmark.main(["model", *SAMPLE, *QUICK, *SMALL, *frozen]) == 0
    assert norms[Workload] == 0 < norms[FrameByFrame]
    printed = capsys.readouterr().out
    assert "compile" not in printed and "of it imports" not in printed


@pytest.mark.parametrize(
    "task, total, trainable",
    [("predcls", "54,698,807", "12,887,086"), ("sgdet", "64,017,490", "12,894,025")],
)
def test_parameters_at_full_size_are_the_papers(task, total, trainable, capsys):
    assert benchmark.main(["parameters", "--config-file", f"{ROOT}/configs/oed_{task}.yaml"]) == 0
    printed = capsys.readouterr().out
    assert re.search(rf"^total +{total}$", printed, re.MULTILINE)
    assert re.search(rf"^trainable TEMPORAL +{trainable}$", printed, re.MULTILINE)


@pytest.mark.parametrize("model", ["oed", "vost"])
@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_the_frame_by_frame_loop_gives_the_models_outputs(task, model):
    cfg = last_stage(task, model)
    model, video = made_up_model(cfg).eval(), made_up_video(cfg, 6, (96, 64))
    loop = FrameByFrame(model)
    with torch.no_grad():
        ours = model([video])[0]
    assert largest_difference(ours, loop(video), [(96, 64)] * 6) < 1e-5
    # Without its references a target is another one: the loop does run the temporal phase.
    alone = loop(video | {"references": dict.fromkeys(range(6), [])})
    assert largest_difference(ours, alone, [(96, 64)] * 6) > 1e-4


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
def test_a_model_that_reads_priors_is_measured_with_them(task):
    cfg = last_stage(task, "vost")
    model, video = made_up_model(cfg).eval(), made_up_video(cfg, 1, (96, 64))
    priors, truth = video["frames"][0]["priors"], video["frames"][0]["ground_truth"]
    assert len(priors) == len(truth) and priors.text.shape[2] == cfg.MODEL.PRIORS.DIM
    assert (priors.pairs == (-1 if task == "sgdet" else truth.pairs)).all()
    batch = PriorBatch.stack([priors], cfg.MODEL.PRIORS.DIM, "cpu")
    assert batch.region_mask.all() and batch.text_mask.all()
    phases = count_flops(model, video["frames"])["phases"]
    assert phases["multimodal_encoder"] > 0
    assert "priors" not in made_up_video(last_stage(task), 1, (96, 64))["frames"][0]


def test_the_loop_runs_every_target_and_reference_anew():
    cfg = last_stage("predcls")
    loop, video = FrameByFrame(made_up_model(cfg)), made_up_video(cfg, 3, (96, 64))
    batches = []
    loop.model.backbone.register_forward_pre_hook(lambda _, args: batches.append(len(args[0])))
    loop(video)
    assert batches == [3, 3, 3]


def test_outputs_that_differ_are_said_and_end_with_status_1(monkeypatch, capsys):
    call = FrameByFrame.__call__

    def wrong(self, clip):
        predictions = call(self, clip)
        predictions[1].spatial[0, 0] += 0.01
        return predictions

    monkeypatch.setattr(FrameByFrame, "__call__", wrong)
    assert benchmark.main(["model", *SAMPLE, *QUICK, *SMALL]) == 1
    output = capsys.readouterr()
    assert "largest difference of their outputs: 1.0e-02 (allowed: 1e-04)" in output.out
    assert output.out.splitlines()[-1].startswith("video-level over frame-by-frame: ")
    assert output.err.splitlines()[-1].startswith("error: ")


def test_another_class_is_a_difference_without_bound():
    cfg = last_stage("sgdet")
    video = made_up_video(cfg, 1, (96, 64))
    with torch.no_grad():
        ours = made_up_model(cfg).eval()([video])[0]
    theirs = copy.deepcopy(ours)
    theirs[0].classes[-1] += 1
    assert largest_difference(ours, theirs, [(96, 64)]) == np.inf
    loop = {"seconds_per_frame": 1.0, "video_seconds_per_frame": 1.0, "tolerance": 1e-4}
    report = {"frame_by_frame": {**loop, "largest_difference": None}}
    assert not outputs_agree(report)
    lines = reports.ratio_lines(report | {"video_level_over_frame_by_frame": 1.0})
    assert "the slots or classes differ" in lines[1]


def test_flops_of_the_encoder_are_those_of_its_equations():
    cfg = last_stage("predcls")
    model, video = made_up_model(cfg).eval(), made_up_video(cfg, 1, (96, 64))
    counts = count_flops(model, video["frames"])
    d, width, layers = cfg.MODEL.TRANSFORMER.D_MODEL, cfg.MODEL.TRANSFORMER.DIM_FEEDFORWARD, 2
    channels, tokens = cfg.MODEL.SLIM_RESNET.CHANNELS[-1], (96 // 16) * (64 // 16)
    projections = 4 * d * d + 2 * d * width  # q, k, v, output; feed-forward
    expected = tokens * (channels * d + layers * (projections + 2 * tokens * d))
    norms = counts["phases"]["encoder"] - expected  # fvcore counts some operations an element
    assert 0 <= norms <= layers * 2 * 8 * tokens * d


def test_flops_of_the_temporal_phase_are_those_of_its_equations():
    cfg = last_stage("sgdet")
    model, video = made_up_model(cfg).eval(), made_up_video(cfg, 3, (96, 64))
    counts = count_flops(model, video["frames"])
    d, width = 2 * cfg.MODEL.TRANSFORMER.D_MODEL, cfg.MODEL.TRANSFORMER.DIM_FEEDFORWARD
    layers, slots = len(cfg.MODEL.TEMPORAL_AGGREGATOR.KEEP_RATIOS), 20
    references = 2 * slots
    projections = slots * (4 * d * d + 2 * d * d + 2 * d * width) + references * 2 * d * d
    expected = layers * (projections + 2 * slots * d * (slots + references))
    norms = counts["phases"]["temporal"] - expected  # fvcore counts some operations an element
    assert 0 <= norms <= layers * 3 * 8 * slots * d
    heads = count_flops(model, video["frames"][:1])["phases"]["heads"]
    assert counts["phases"]["heads"] == heads  # however many references there are
    assert expected < counts["per_target"] < expected + norms + heads


def test_a_step_counts_three_times_what_is_trained_and_once_what_is_frozen():
    stages = stage_configs(get_vost_cfg(str(ROOT / "configs/sample/oed_sgdet.yaml"), SMALL))
    for name, spatial in (("SPATIAL", 3), ("TEMPORAL", 1)):
        model = made_up_model(stages[name]).eval()
        clips = made_up_training_clips(stages[name], 2, (96, 64))
        frames = clips[0]["frames"]
        counts = count_flops(model, frames)
        expected = 2 * (len(frames) * spatial * counts["per_frame"] + 3 * counts["per_target"])
        assert count_step_flops(model, clips) == pytest.approx(expected, rel=1e-3), name
    model.image_encoder.requires_grad_(True)
    more = 2 * len(frames) * 2 * counts["phases"]["encoder"]
    assert count_step_flops(model, clips) == pytest.approx(expected + more, rel=1e-3)
    cfg = get_vost_cfg(str(ROOT / "configs/sample/detr.yaml"), SMALL)
    model, clips = made_up_model(cfg).eval(), clips[:1]
    once = count_step_flops(model.requires_grad_(False), clips)
    assert count_step_flops(model.requires_grad_(True), clips) == pytest.approx(3 * once)


def test_parts_belong_to_phases_and_unknown_ones_stand_alone():
    assert phase_of("temporal_entity_heads") == "heads" and phase_of("decoder") == "decoders"
    assert phase_of("multimodal_encoder") == "multimodal_encoder"


def test_the_evaluator_is_measured(tmp_path, monkeypatch, capsys):
    out = tmp_path / "evaluator.json"
    # A fresh process would spend seconds on imports.
    monkeypatch.setattr(evaluator, "in_fresh_process", lambda call, *args: call(*args))
    arguments = ["evaluator", "--frames", "130", "--repeats", "1", "--json", str(out)]
    assert benchmark.main([*arguments, "--memory", "20"]) == 0
    report, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert set(report["frames_per_second"]) == {"sgdet", "object AP", "predcls"}
    assert report["settings"]["constraints"] == ["with", "semi", "no"]
    assert re.search(r"^sgdet +[\d,]+$", printed, re.MULTILINE)
    assert report["memory"]["20"]["peak_bytes"] >= report["memory"]["20"]["imports_bytes"] > 2**20
    assert re.search(r"^20 +[\d,]+ MiB +[\d,]+ MiB$", printed, re.MULTILINE)


def test_the_evaluators_frames_are_found_in_part():
    """Frames in which nothing matches would be scored faster than real ones."""
    generator = np.random.default_rng(0)
    recall = SceneGraphRecall("sgdet", constraints=("no",))
    for _ in range(30):
        recall.update(*made_up_frame(generator, "sgdet"))
    assert 0.05 < recall.compute()["no"]["R@100"] < 0.95


@pytest.mark.parametrize("task", ["predcls", "sgdet"])
def test_the_cost_of_priors_is_measured(task, tmp_path, capsys):
    out, config = tmp_path / "priors.json", str(ROOT / f"configs/sample/vost_{task}.yaml")
    command = ["priors", "--config-file", config, *QUICK, "--json", str(out), *SMALL]
    assert benchmark.main([*command, "MODEL.PRIORS.FRAMES_PER_BATCH", "3"]) == 0
    report, printed = json.loads(out.read_text()), capsys.readouterr().out
    assert set(report["reading"]) == {"in order", "in any order"}
    step = report["training"]["SPATIAL"]
    slowest = max(report["reading"].values()) / 1e3
    assert step["frames"] == 2
    assert step["share"] == pytest.approx(2 * slowest / step["seconds"])
    assert report["training"]["TEMPORAL"]["frames"] == 2 * 3
    # A person, three objects and three unions in each of three frames.
    assert report["regions"]["pictures_per_forward"] == 21
    assert re.search(r"^regions, tiny, 21 a forward +[\d,.]+/s", printed, re.MULTILINE)


def test_a_model_without_priors_has_no_cost_of_them(capsys):
    with pytest.raises(SystemExit):
        benchmark.main(["priors", *SAMPLE, *QUICK])
    assert "error: the config's model reads no priors" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, message",
    [
        (["--size", "480"], "--size 480: give WIDTHxHEIGHT in pixels, such as 480x270"),
        (["--size", "0x270"], "--size 0x270"),
        (["--frames", "0"], "--frames must be at least 1 (got 0)"),
        (["--memory", "0"], "--memory must be at least 1 (got 0)"),
        (["--device", "cuda"], "--device cuda: this machine has no CUDA device"),
        (["--compare", "none.json"], "--compare: there is no file none.json"),
        (["--compare", __file__], "is no JSON file"),
        (["--json", "no/such/folder/x.json"], "there is no folder no/such/folder"),
        (["--config-file", "none.yaml"], "there is no file none.yaml"),
        (["MODEL.TSAK", "sgdet"], "config key MODEL.TSAK does not exist; did you mean MODEL.TASK"),
    ],
)
def test_bad_input_is_one_line(options, message, capsys, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(SystemExit) as stop:
        benchmark.main(["model", *SAMPLE, *options])
    assert stop.value.code == 2
    error = capsys.readouterr().err.strip()
    assert error.startswith("error: ") and message in error and "\n" not in error


def test_a_report_of_another_command_is_not_compared(tmp_path, capsys):
    other = tmp_path / "evaluator.json"
    other.write_text(json.dumps({"benchmark": "evaluator"}))
    with pytest.raises(SystemExit):
        benchmark.main(["model", *SAMPLE, "--compare", str(other)])
    assert "was not written by benchmark.py model --json" in capsys.readouterr().err
