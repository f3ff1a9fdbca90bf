"""One run of an ablation: the command that makes it, what it leaves, and whether it is finished."""

import os
from dataclasses import dataclass
from functools import cached_property

import yaml
from detectron2.config import CfgNode
from detectron2.utils.file_io import PathManager

from vost_sgg.config import flat_keys, get_vost_cfg, stage_configs
from vost_sgg.engine.launching import import_parts
from vost_sgg.evaluation.result_files import read_json
from vost_sgg.evaluation.results import write_results

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

    def result_file(self) -> str:
        """That of its last stage, whose numbers are the run's."""
        return list(self.result_files().values())[-1]

    def is_finished(self) -> bool:
        """Raises ValueError if the folder holds a run of another config."""
        path = os.path.join(self.folder, _STATE)
        state = read_json(path) if PathManager.isfile(path) else {}
        self._check_same(state.get("config", {}))
        return state.get("finished", False) and PathManager.isfile(self.result_file())

    def note(self, *, finished: bool) -> None:
        """Writes down in its folder with what it is run, and whether it is finished."""
        state = {"config_file": self.config_file, "config": self._plain(), "finished": finished}
        write_results(state, os.path.join(self.folder, _STATE))

    def _plain(self) -> dict:
        return yaml.safe_load(self.cfg.dump())

    def _check_same(self, before: dict) -> None:
        then, now = dict(flat_keys(before)), dict(flat_keys(self._plain()))
        # A key that only one of them has is one that the library got or lost since.
        for key in then.keys() & now.keys() - {"OUTPUT_DIR"}:
            if then[key] != now[key]:
                raise ValueError(
                    f"{self.folder} holds a run with {key} {then[key]}, now it is {now[key]}: name another "
                    "--output-dir, or delete that folder"
                )
