"""The runs of an ablation: which commands make them, which of them are finished, and the document of their results."""

import json
import os
import platform
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from importlib.metadata import version

import torch
import yaml
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager

import vost_sgg
from vost_sgg.config import get_vost_cfg, stage_configs
from vost_sgg.engine.launching import import_parts
from vost_sgg.evaluation.ablation import check_comparable, summarised
from vost_sgg.evaluation.evaluator import BASELINE_NAME
from vost_sgg.evaluation.results import write_results
from vost_sgg.modeling import reads_priors
from vost_sgg.priors import priors_folder
from vost_sgg.registry import nearest
from vost_sgg.vlm import cache_folder

FORMAT_VERSION = 1
VLM = "vlm"
# In a run's folder: what it was begun with, and whether it is finished.
_STATE = "ablation_run.json"


@dataclass(frozen=True, kw_only=True)
class Run:
    """One training of a model, or the evaluation of a VLM alone.

    Args:
        model: name of its config, without the task.
        seed: None of a VLM's answers, which no seed changes.
        config_file: of the model and task.
        folder: OUTPUT_DIR.
        opts: config keys and values, without SEED and OUTPUT_DIR.
    """

    model: str
    seed: int | None
    config_file: str
    folder: str
    opts: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.model if self.seed is None else f"{self.model}, seed {self.seed}"

    @property
    def keys(self) -> list[str]:
        """The config keys of its command."""
        seed = [] if self.seed is None else ["SEED", str(self.seed)]
        return [*self.opts, *seed, "OUTPUT_DIR", self.folder]

    @cached_property
    def cfg(self) -> CfgNode:
        """Raises KeyError or ValueError as ``get_vost_cfg``, and ImportError as ``import_parts``."""
        cfg = get_vost_cfg(self.config_file, self.keys)
        import_parts(cfg)
        return cfg

    @property
    def arguments(self) -> list[str]:
        """Of tools/train_net.py. A training that has begun goes on; one that has not begins."""
        mode = "--eval-only" if self.seed is None else "--resume"
        return ["--config-file", self.config_file, mode, *self.keys]

    def result_files(self) -> dict[str, str]:
        """The file of results of each stage that leaves one, the last stage's last."""
        (dataset,) = self.cfg.DATASETS.TEST
        stages = {"": self.cfg} if self.seed is None else stage_configs(self.cfg)
        name = f"scene_graph_recall_{dataset}.json"
        return {
            stage.lower(): os.path.join(cfg.OUTPUT_DIR, name)
            for stage, cfg in stages.items()
            if cfg.MODEL.EVALUATOR.NAME == "SceneGraphEvaluator"
        }

    def is_finished(self) -> bool:
        """Raises ValueError if the folder holds a run of another config."""
        state = _read(os.path.join(self.folder, _STATE), missing={})
        self._check_same(state.get("config", {}))
        return state.get("finished", False) and PathManager.isfile(_last(self.result_files()))

    def note(self, *, finished: bool) -> None:
        """Writes down in its folder with what it is run, and whether it is finished."""
        state = {"config_file": self.config_file, "config": self._plain(), "finished": finished}
        write_results(state, os.path.join(self.folder, _STATE))

    def _plain(self) -> dict:
        return yaml.safe_load(self.cfg.dump())

    def _check_same(self, before: dict) -> None:
        then, now = dict(_flat(before)), dict(_flat(self._plain()))
        # A key that only one of them has is one that the library got or lost since.
        for key in then.keys() & now.keys() - {"OUTPUT_DIR"}:
            if then[key] != now[key]:
                raise ValueError(
                    f"{self.folder} holds a run with {key} {then[key]}, now it is {now[key]}: name another "
                    "--output-dir, or delete that folder"
                )


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
        trainings = [self._run(m, seed) for seed in range(self.seeds) for m in self.models]
        answers = []
        if PathManager.isfile(self._config_file(VLM)):
            # Its config has no stages.
            pairs = zip(self.opts[::2], self.opts[1::2], strict=False)
            opts = [word for pair in pairs if not pair[0].startswith("STAGES.") for word in pair]
            folder = os.path.join(self.output_dir, VLM)
            answers = [_made(VLM, None, self._config_file(VLM), folder, opts)]
        self.runs = answers + trainings
        for run in self.runs:
            if len(run.cfg.DATASETS.TEST) != 1:
                raise ValueError(
                    f"{run.config_file}: DATASETS.TEST has several names, a table is of one"
                )

    @property
    def path(self) -> str:
        return os.path.join(self.output_dir, "ablation.json")

    def unfinished(self) -> list[Run]:
        """The runs that are still to be made: all models with one seed before the next seed. Raises ValueError as
        :meth:`Run.is_finished`.
        """
        return [run for run in self.runs if not run.is_finished()]

    def prior_commands(self, runs: Sequence[Run]) -> Iterator[tuple[str, list[str]]]:
        """The tools, with arguments, that extract what ``runs`` read, each data set's answers and features once; what
        is there is kept.
        """
        begun, folder = set(), os.path.join(self.output_dir, "priors")
        for run in runs:
            if run.seed is not None and not reads_priors(run.cfg):
                continue
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
        finished = {run: _read(_last(run.result_files())) for run in self.runs if run.is_finished()}
        trained = [run for run in finished if run.seed is not None]
        if not trained:
            return None
        check_comparable({_last(run.result_files()): r for run, r in finished.items()})
        first = finished[trained[0]]
        protocol = {key: value for key, value in first["protocol"].items() if key != "nms"}
        return {
            "format_version": FORMAT_VERSION,
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
            "model": "frequency",
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

    def _run(self, model: str, seed: int) -> Run:
        folder = os.path.join(self.output_dir, model, f"seed{seed}")
        return _made(model, seed, self._config_file(model), folder, self.opts)


def _made(model, seed, config_file, folder, opts) -> Run:
    return Run(
        model=model, seed=seed, config_file=config_file, folder=folder, opts=tuple(map(str, opts))
    )


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
        stage: summarised([_own(_read(path))[1] for path in paths])
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


def _read(path: str, missing: dict | None = None) -> dict:
    if missing is not None and not PathManager.isfile(path):
        return missing
    with PathManager.open(path, "r", encoding="utf-8") as file:
        return json.load(file)


def _last(files: dict[str, str]) -> str:
    return list(files.values())[-1]


def _flat(node: dict, prefix: str = "") -> Iterator[tuple[str, object]]:
    for key, value in node.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _versions() -> dict[str, str]:
    return {
        "vost_sgg": vost_sgg.__version__,
        "detectron2": version("detectron2"),
        "torch": str(torch.__version__),
        "python": platform.python_version(),
    }
