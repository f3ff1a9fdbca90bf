"""What evaluations left on disk, read back: a folder of a training, one of its stages, a file, an ablation."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import yaml
from detectron2.utils.file_io import PathManager

from vost_sgg.config import flat_keys
from vost_sgg.evaluation.ablation import ABLATION_VERSION, FREQUENCY
from vost_sgg.evaluation.protocols import CONSTRAINTS, Protocol
from vost_sgg.evaluation.result_files import find_results, read_json
from vost_sgg.evaluation.results import FORMAT_VERSION, scored

# Two runs of one model may differ in these keys, and in keys under them.
_MAY_DIFFER = (
    *("SEED", "OUTPUT_DIR", "MODEL.WEIGHTS", "MODEL.DEVICE", "MODEL.EVALUATOR.METHOD"),
    *("MODEL.VLM.CACHE", "MODEL.PRIORS.CACHE", "DATALOADER.NUM_WORKERS", "STAGES"),
)

# Constraint -> metric -> fractions, one a run. "R@10 holding" is the recall of one predicate.
Recalls = Mapping[str, Mapping[str, tuple[float, ...]]]


@dataclass(frozen=True)
class Run:
    """One model's evaluation, or its row of an ablation.

    Args:
        method: the model's name.
        path: the file.
        protocol: the rules it was scored by; its task is the model's.
        scored: what was scored, as a text: data set, frame rule, number of frames.
        dataset: name of the data set.
        recalls: of the model.
        companions: what else was scored on the same frames, such as the frequency baseline: name -> its recalls.
        document: the whole file.
        config: the config it was made with, flat ("SOLVER.BASE_LR"); empty if none lies beside the file.
        seeds: of its values, as far as they are known.
    """

    method: str
    path: str
    protocol: Protocol
    scored: str
    dataset: str
    recalls: Recalls
    companions: Mapping[str, Recalls] = field(default_factory=dict)
    document: Mapping = field(default_factory=dict)
    config: Mapping = field(default_factory=dict)
    seeds: tuple[int, ...] = ()

    @property
    def task(self) -> str:
        return self.protocol.task

    @property
    def comparable(self) -> tuple[Protocol, str]:
        """Equal where two runs may stand in one table. Constraints and pair NMS, each method's own, may differ."""
        return replace(self.protocol, constraints=("with",), nms=None), self.scored


def read_runs(arguments: Sequence[str], *, stage: str | None = None) -> list[Run]:
    """The runs that a command line names.

    Args:
        arguments: each a folder that ``tools/train_net.py`` or ``tools/ablation.py`` wrote, the folder of a stage, or a
            JSON file; ``NAME=`` before it is the model's name in place of the one in the file.
        stage: of a run with several stages, the one that is taken; None takes the last, "temporal".

    Raises:
        FileNotFoundError: nothing is there, or no results in it.
        ValueError: a file is of another kind or version or damaged, or is named twice.
    """
    runs, seen = [], {}
    for argument in arguments:
        name, place = split_name(argument)
        path = find_results(place, stage)
        if path in seen:
            raise ValueError(f"{seen[path]} and {argument} are the same results, {path}")
        seen[path] = argument
        runs += _read_file(path, name, stage)
    return runs


def split_name(argument: str) -> tuple[str | None, str]:
    """Name and path of ``NAME=PATH``; the name is None where it is left out. Raises ValueError if either is empty."""
    name, equals, place = argument.partition("=")
    if not equals or PathManager.exists(argument):
        return None, argument
    if not name or not place:
        raise ValueError(f"{argument!r}: a run is PATH or NAME=PATH")
    return name, place


def check_comparable(runs: Sequence[Run]) -> None:
    """Raises ValueError, with what differs, unless the runs of each task are :attr:`Run.comparable`, and those of one
    model have one pair NMS."""
    tasks: dict[str, Run] = {}
    models: dict[tuple[str, str], Run] = {}
    for run in runs:
        other = tasks.setdefault(run.task, run)
        same_model = models.setdefault((run.method, run.task), run)
        if run.protocol.nms != same_model.protocol.nms:
            other = same_model
        elif run.comparable == other.comparable:
            continue
        raise ValueError(
            f"not comparable: {other.path} is {other.protocol.describe()}, {other.scored}; {run.path} is "
            f"{run.protocol.describe()}, {run.scored}; evaluate both by one protocol on one data set"
        )


def config_differences(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Config key -> its values, of what differs among runs beside seed, folders and initial weights."""
    configs = [run.config for run in runs if run.config]
    keys = sorted(key for key in set().union(*configs) if not _may_differ(key))
    values = {key: list(dict.fromkeys(str(config.get(key)) for config in configs)) for key in keys}
    return {key: different for key, different in values.items() if len(different) > 1}


def _may_differ(key: str) -> bool:
    return any(key == allowed or key.startswith(f"{allowed}.") for allowed in _MAY_DIFFER)


def _read_file(path: str, name: str | None, stage: str | None) -> list[Run]:
    document = read_json(path)
    kinds = {"methods": FORMAT_VERSION, "rows": ABLATION_VERSION}
    kind = next((kind for kind in kinds if kind in document), None)
    if kind is None:
        raise ValueError(
            f"{path} holds no scene graph recall but {', '.join(list(document)[:4]) or 'nothing'}: a run is a folder "
            "of tools/train_net.py, or the JSON file of an evaluation or an ablation"
        )
    if document.get("format_version") != kinds[kind]:
        raise ValueError(
            f"{path} has format_version {document.get('format_version')!r}, this library reads {kinds[kind]}: "
            "evaluate the model again"
        )
    try:
        if kind == "rows":
            return _ablation(document, path, name, stage)
        return [_evaluation(document, path, name)]
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def _evaluation(document: dict, path: str, name: str | None) -> Run:
    recalls = {
        method: _method_recalls(values, document["predicates"])
        for method, values in document["methods"].items()
    }
    if "ceiling" in document:
        recalls["ceiling"] = _checked(_single(document["ceiling"]))
    model, *others = recalls
    config = _config_beside(path)
    return Run(
        method=name or model,
        path=path,
        protocol=Protocol(**document["protocol"]),
        scored=scored(document),
        dataset=document["dataset"],
        recalls=recalls[model],
        companions={other: recalls[other] for other in others},
        document=document,
        config=config,
        seeds=(config["SEED"],) if "SEED" in config else (),
    )


def _method_recalls(values: dict, predicates: Sequence[str]) -> Recalls:
    recalls = _single(values["recall"])
    for constraint, metrics in values["per_predicate"].items():
        for metric, numbers in metrics.items():
            named = zip(predicates, numbers, strict=True)
            recalls[constraint] |= {f"{metric} {name}": (number,) for name, number in named}
    return _checked(recalls)


def _single(recall: dict) -> dict[str, dict[str, tuple[float, ...]]]:
    return {c: {metric: (v,) for metric, v in metrics.items()} for c, metrics in recall.items()}


def _ablation(document: dict, path: str, name: str | None, stage: str | None) -> list[Run]:
    """A run a model. ``name`` is put before the names of the models."""
    baselines = [row for row in document["rows"] if row["model"] == FREQUENCY]
    runs = []
    for row in document["rows"]:
        if row in baselines:
            continue
        runs.append(
            Run(
                method=f"{name}, {row['method']}" if name else row["method"],
                path=path,
                protocol=Protocol(**document["protocol"], nms=row["nms"]),
                scored=scored(document),
                dataset=document["dataset"],
                recalls=_row_recalls(_of_stage(row, stage, path)),
                companions={
                    b["method"]: _row_recalls(b) for b in baselines if b["config"] == row["config"]
                },
                document=document,
                seeds=tuple(row["seeds"]),
            )
        )
    return runs


def _of_stage(row: dict, stage: str | None, path: str) -> dict:
    """What a row says of a stage; the row itself if no stage is asked for, or its model has none."""
    stages = row.get("stages", {})
    if stage is None or set(stages) <= {""}:
        return row
    if stage not in stages:
        raise FileNotFoundError(
            f"{path} has no results of stage {stage!r} of {row['method']}, only of {', '.join(stages)}"
        )
    return stages[stage]


def _row_recalls(row: dict) -> Recalls:
    """``{"mean", "std", "seeds": values}`` -> its values."""
    return _checked(
        {c: {k: tuple(v["seeds"]) for k, v in row[c].items()} for c in CONSTRAINTS if c in row}
    )


def _checked(recalls: Recalls) -> Recalls:
    for constraint, metrics in recalls.items():
        for metric, values in metrics.items():
            if not all(0 <= value <= 1 for value in values):
                raise ValueError(f"{constraint} {metric} is {values}, no fraction")
    return recalls


def _config_beside(path: str) -> dict:
    file = os.path.join(os.path.dirname(path), "config.yaml")
    if not PathManager.isfile(file):
        return {}
    with PathManager.open(file, "r", encoding="utf-8") as stream:
        return dict(flat_keys(yaml.safe_load(stream)))
