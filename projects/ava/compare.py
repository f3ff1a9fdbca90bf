"""How far OED, DSQI, VOST-SGG and the VLM alone fall from the world that they were trained in to another one.

    python -m projects.ava.compare
    python -m projects.ava.compare --models oed vlm
    python -m projects.ava.compare --trained-in 'output/ablation/sgdet/{}/seed0'

Both samples of AVA are generated if they are not there, and the VLM's answers and CLIP's features of them extracted;
then each model that is trained (configs/sample/<model>_sgdet.yaml) is evaluated on both. A model whose own or CLIP's
weights are missing is named, with what trains them, and has no row. Config keys may follow the options: KEY VALUE ...
Results lie in output/ava/sample/<model>_sgdet/, the table also in output/ava/sample/compare.json.
"""

import argparse
import os
import sys

CONFIGS = "projects/ava/configs/sample"
OUTPUT = "output/ava/sample"
# Shown of all metrics; the others are in the JSON files.
METRICS = ("found", "set@n", "set@top3", "set@t0.3", "R@1", "mR@1", "mAP")


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    models = ["oed", "dsqi", "vost", "vlm"]
    parser.add_argument(
        "--models", nargs="+", choices=models, default=models, help="(default: all four)"
    )
    parser.add_argument(
        "--output-dir", default=OUTPUT, metavar="DIR", help="(default: %(default)s)"
    )
    parser.add_argument(
        "--trained-in",
        metavar="DIR",
        help="folder of a model's stages, {} for its name (default: where its config trains it)",
    )
    parser.add_argument("opts", nargs=argparse.REMAINDER, metavar="KEY VALUE", help="config keys")
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from detectron2.utils.logger import setup_logger

    from vost_sgg.engine.launching import SETUP_ERRORS, TRAINING_ERRORS, user_errors
    from vost_sgg.vlm.extraction import ExtractionError

    for name in ("detectron2", "vost_sgg", "projects"):
        setup_logger(args.output_dir, name=name)
    with user_errors(*SETUP_ERRORS, *TRAINING_ERRORS, ExtractionError, folder=args.output_dir):
        compare(args.models, args.output_dir, args.opts, trained_in=args.trained_in)
    return 0


def compare(
    models: list[str], output_dir: str, opts: list[str], *, trained_in: str | None = None
) -> None:
    """Evaluates ``models`` in both worlds, prints the table and writes ``compare.json``.

    Args:
        models: names of configs, without the task.
        output_dir: for all results.
        opts: config keys and values for every model.
        trained_in: the folder with a model's stages, "{}" in it for the model; None: the one that its config names.
    """
    from projects.ava.catalog import WORLDS, sample_name
    from projects.ava.tables import PRIOR_NAME

    rows, untrained, extracted = {}, {}, set()
    for model in models:
        own = [*_weights(model, trained_in), *opts]
        configs = [_config(model, sample_name(w, "val"), output_dir, own) for w in WORLDS]
        method, reason = configs[0].MODEL.EVALUATOR.METHOD, _untrained(model, configs[0])
        if reason:
            rows[method], untrained[method] = None, reason
        else:
            rows[method] = [evaluate(cfg, extracted) for cfg in configs]
    rows[PRIOR_NAME] = [_prior(sample_name(world, "val")) for world in WORLDS]
    report(rows, untrained, output_dir)


def report(rows: dict[str, list | None], untrained: dict[str, str], output_dir: str) -> None:
    """Prints the table, names the models without a row, and writes all metrics into ``compare.json``.

    Args:
        rows: method -> its metrics in each of ``WORLDS``, or None.
        untrained: method -> why it has none.
    """
    from projects.ava.catalog import WORLDS
    from projects.ava.tables import fall_table
    from vost_sgg.evaluation.results import write_results

    print(f"\nAVA sample, {WORLDS[0]} -> {WORLDS[1]} world (difference), in %")
    print(fall_table(rows, METRICS))
    for method, reason in untrained.items():
        print(f"{method} has no row: {reason}")
    models = {name: row and dict(zip(WORLDS, row, strict=True)) for name, row in rows.items()}
    path = os.path.join(output_dir, "compare.json")
    write_results({"worlds": list(WORLDS), "models": models, "untrained": untrained}, path)
    print(f"all metrics: {path}")


def evaluate(cfg, extracted: set[str]) -> dict[str, float]:
    """A model's metrics on the one data set of its config, as fractions.

    What it reads of the VLM is extracted first, unless its folder is among ``extracted``, to which it is added.
    """
    from vost_sgg.engine.trainer import SGGTrainer, has_parameters, load_for_evaluation
    from vost_sgg.modeling import reads_priors
    from vost_sgg.priors import priors_folder
    from vost_sgg.vlm import cache_folder

    (name,) = cfg.DATASETS.TEST
    if reads_priors(cfg) or not has_parameters(cfg):
        _extract("extract_vlm", cfg, name, cache_folder(cfg, name), extracted)
    if reads_priors(cfg):
        _extract("extract_clip", cfg, name, priors_folder(cfg, name), extracted)
    results = SGGTrainer.test(cfg, load_for_evaluation(cfg))["ava"]
    return {metric: value / 100 for metric, value in results.items()}


def _extract(tool: str, cfg, dataset: str, folder: str, extracted: set[str]) -> None:
    from importlib import import_module

    from vost_sgg.data.loaders import read_datasets
    from vost_sgg.vlm.extraction import videos_of

    if folder not in extracted:
        import_module(f"tools.{tool}").extract(cfg, dataset, videos_of(*read_datasets([dataset])))
        extracted.add(folder)


def _config(model: str, dataset: str, output_dir: str, opts: list[str]):
    from vost_sgg.config import get_vost_cfg
    from vost_sgg.engine.launching import import_parts, with_available_device
    from vost_sgg.engine.stages import final_stage

    folder = os.path.join(output_dir, f"{model}_sgdet")
    own = ["DATASETS.TEST", (dataset,), "OUTPUT_DIR", folder]
    cfg = get_vost_cfg(f"{CONFIGS}/{model}_sgdet.yaml", [*own, *opts])
    cfg, _ = with_available_device(cfg, 1)
    cfg.freeze()
    import_parts(cfg)
    return final_stage(cfg)


def _weights(model: str, trained_in: str | None) -> list[str]:
    if trained_in is None or model == "vlm":
        return []
    return ["MODEL.WEIGHTS", f"{trained_in.replace('{}', model)}/spatial/model_final.pth"]


def _untrained(model: str, cfg) -> str:
    """Why the model cannot be evaluated, and what trains the weights that it lacks; "" if it lacks none."""
    from detectron2.utils.file_io import PathManager

    from vost_sgg.engine.trainer import has_parameters
    from vost_sgg.modeling import reads_priors

    if has_parameters(cfg) and not PathManager.isfile(cfg.MODEL.WEIGHTS):
        return f"there is no {cfg.MODEL.WEIGHTS}: {_training(model)}"
    if reads_priors(cfg):
        from vost_sgg.priors.clip import build_clip

        try:
            build_clip(cfg)
        except ValueError as error:
            return str(error)
    return ""


def _training(model: str) -> str:
    command = f"tools/train_net.py --config-file configs/sample/{model}_sgdet.yaml"
    return command if model == "oed" else f"{command}, after the priors (configs/README.md)"


def _prior(dataset: str) -> dict[str, float]:
    """The metrics of naming the most frequent actions of the data set for every person."""
    import numpy as np
    from detectron2.data import DatasetCatalog

    from projects.ava.recovery import ActionRecovery

    recovery = ActionRecovery()
    for record in DatasetCatalog.get(dataset):
        labels = record["person_actions"]
        recovery.update(labels, np.zeros(labels.shape), np.zeros(len(labels), bool))
    return recovery.prior().compute()


if __name__ == "__main__":
    sys.exit(main())
