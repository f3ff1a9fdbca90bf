"""An ablation: its runs, the extractions that they need, and the document of their results."""

import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version

import torch
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager

import vost_sgg
from vost_sgg.config import get_vost_cfg
from vost_sgg.engine.ablation_run import Run
from vost_sgg.engine.stages import final_stage, result_of
from vost_sgg.evaluation.ablation import (
    ABLATION_FILE,
    ABLATION_VERSION,
    FREQUENCY,
    check_comparable,
    summarised,
)
from vost_sgg.evaluation.result_files import read_json
from vost_sgg.evaluation.scene_graph_scores import BASELINE_NAME
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import priors_folder
from vost_sgg.registry import nearest
from vost_sgg.vlm import cache_folder

VLM = "vlm"
CLIP_CONFIG = "clip.yaml"


@dataclass(kw_only=True)
class Ablation:
    """Models that are trained with several seeds and compared; ``<output_dir>/<model>/seed<k>`` is a run's folder.

    Args:
        config_dir: where ``<model>_<task>.yaml`` lie. The answers of ``vlm_<task>.yaml`` are a row, if there is this
            file.
        task: predcls, sgcls or sgdet.
        models: in the order of the rows. The frequency baseline's row is on the boxes and classes of the first.
        seeds: number of them, from 0.
        output_dir: for everything that is written.
        opts: config keys and values for every model.

    Raises:
        ValueError, FileNotFoundError, KeyError, ImportError: an argument is wrong, or a config cannot be read.
    """

    config_dir: str
    task: str
    models: Sequence[str]
    seeds: int
    output_dir: str
    opts: Sequence[str] = ()
    runs: list[Run] = field(init=False)

    def __post_init__(self):
        if self.seeds < 1:
            raise ValueError(f"--seeds {self.seeds}: at least 1")
        _check_models(self.config_dir, self.task, self.models)
        trainings = [
            self._run(m, seed, os.path.join(m, f"seed{seed}"), self.opts)
            for seed in range(self.seeds)
            for m in self.models
        ]
        answers = []
        if PathManager.isfile(self._config_file(VLM)):
            # Its config has no stages.
            pairs = zip(self.opts[::2], self.opts[1::2], strict=False)
            opts = [word for pair in pairs if not pair[0].startswith("STAGES.") for word in pair]
            answers = [self._run(VLM, None, VLM, opts)]
        self.runs = answers + trainings
        for run in self.runs:
            if len(run.cfg.DATASETS.TEST) != 1:
                raise ValueError(
                    f"{run.config_file}: DATASETS.TEST has several names, a table is of one"
                )

    @property
    def path(self) -> str:
        return os.path.join(self.output_dir, ABLATION_FILE)

    def unfinished(self) -> list[Run]:
        """The runs that are still to be made: all models with one seed before the next seed. Raises ValueError as
        :meth:`Run.is_finished`.
        """
        return [run for run in self.runs if not run.is_finished()]

    def prior_commands(self, runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
        """The tools, with arguments, that make what ``runs`` read, each data set's answers and features once; what is
        there is kept. Where the folder of configs has a ``clip.yaml``, and CLIP's weights are to be its result and are
        not there, it is trained first.
        """
        begun, folder = set(), os.path.join(self.output_dir, "priors")
        clip = os.path.join(self.config_dir, CLIP_CONFIG)
        for run in runs:
            if run.seed is not None and not reads_priors(run.cfg):
                continue
            if run.seed is not None and clip not in begun and _is_to_be_trained(clip, run.cfg):
                yield "train_net", ["--config-file", clip, "--resume"]
                begun.add(clip)
            for split in ("test",) if run.seed is None else ("train", "test"):
                names = run.cfg.DATASETS[split.upper()]
                tools = {"extract_vlm": [cache_folder(run.cfg, name) for name in names]}
                if run.seed is not None:
                    tools["extract_clip"] = [priors_folder(run.cfg, name) for name in names]
                for tool, targets in tools.items():
                    if not begun.issuperset(targets):
                        config = ["--config-file", run.config_file, "--split", split]
                        yield tool, [*config, *run.opts, "OUTPUT_DIR", folder]
                    begun.update(targets)

    def document(self) -> dict | None:
        """The content of ``ablation.json`` from the runs that are finished; None if no model's is.

        Raises:
            ValueError: their results are not of the same frames and protocol.
        """
        finished = {run: read_json(run.result_file()) for run in self.runs if run.is_finished()}
        trained = [run for run in finished if run.seed is not None]
        if not trained:
            return None
        check_comparable({run.result_file(): r for run, r in finished.items()})
        first = finished[trained[0]]
        protocol = {key: value for key, value in first["protocol"].items() if key != "nms"}
        return {
            "format_version": ABLATION_VERSION,
            "task": self.task,
            "dataset": first["dataset"],
            "frame_rule": first["frame_rule"],
            "protocol": protocol,
            "frames": first["frames"],
            "mean_recall": first["mean_recall"],
            "spread": "sample standard deviation (n - 1)",
            "unit": "fractions",
            "opts": list(self.opts),
            "versions": _versions(),
            "rows": list(self._rows(finished, trained)),
        }

    def _rows(self, finished: dict[Run, dict], trained: list[Run]) -> Iterator[dict]:
        source = [run for run in trained if run.model == trained[0].model]
        # Where boxes and classes are given no model changes it.
        source = source[:1] if self.task == "predcls" else source
        recalls = [finished[run]["methods"][BASELINE_NAME]["recall"] for run in source]
        yield {
            "model": FREQUENCY,
            "method": BASELINE_NAME,
            "seeds": [] if self.task == "predcls" else [run.seed for run in source],
            "config": source[0].config_file,
            "nms": finished[source[0]]["protocol"]["nms"],
            **summarised(recalls),
        }
        for model in dict.fromkeys([VLM, *self.models]):
            runs = [run for run in finished if run.model == model]
            if runs:
                yield _row(runs, [finished[run] for run in runs])

    def _config_file(self, model: str) -> str:
        return os.path.join(self.config_dir, f"{model}_{self.task}.yaml")

    def _run(self, model: str, seed: int | None, folder: str, opts: Sequence) -> Run:
        return Run(
            model=model,
            seed=seed,
            config_file=self._config_file(model),
            folder=os.path.join(self.output_dir, folder),
            opts=tuple(map(str, opts)),
        )


def _is_to_be_trained(clip: str, cfg: CfgNode) -> bool:
    """Whether the config file ``clip`` makes the weights that ``cfg`` reads and that are not there."""
    weights = cfg.MODEL.PRIORS.CLIP.WEIGHTS
    if PathManager.isfile(weights) or not PathManager.isfile(clip):
        return False
    return os.path.abspath(result_of(final_stage(get_vost_cfg(clip)))) == os.path.abspath(weights)


def _row(runs: list[Run], results: list[dict]) -> dict:
    row = {
        "model": runs[0].model,
        "method": _own(results[0])[0],
        "seeds": [run.seed for run in runs if run.seed is not None],
        "config": runs[0].config_file,
        "nms": results[0]["protocol"]["nms"],
        **summarised([_own(result)[1] for result in results]),
    }
    if runs[0].seed is None:
        return row
    files = {stage: [run.result_files()[stage] for run in runs] for stage in runs[0].result_files()}
    stages = {
        stage: summarised([_own(read_json(path))[1] for path in paths])
        for stage, paths in files.items()
        # A stage before the one whose weights the runs started from is left out.
        if all(map(PathManager.isfile, paths))
    }
    return {**row, "stages": stages}


def _own(result: dict) -> tuple[str, dict]:
    """The name and the recall of the model itself, not of what was scored beside it."""
    name = next(name for name in result["methods"] if name != BASELINE_NAME)
    return name, result["methods"][name]["recall"]


def _check_models(config_dir: str, task: str, models: Sequence[str]) -> None:
    ending = f"_{task}.yaml"
    if not PathManager.isdir(config_dir):
        raise FileNotFoundError(f"--config-dir: there is no folder {config_dir}")
    names = [n.removesuffix(ending) for n in PathManager.ls(config_dir) if n.endswith(ending)]
    known = sorted(set(names) - {VLM})
    for model in models:
        if model not in known:
            raise ValueError(
                f"--models: there is no {os.path.join(config_dir, model + ending)}; {nearest(model, known)} Config "
                "keys come last, behind another option than --models"
            )
    if len(set(models)) < len(models):
        raise ValueError(f"--models {' '.join(models)}: a model is named twice")


def _versions() -> dict[str, str]:
    return {
        "vost_sgg": vost_sgg.__version__,
        "detectron2": version("detectron2"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
