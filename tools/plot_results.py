"""Draws the results of runs, each plot as PNG and SVG.

    python tools/plot_results.py output/oed_predcls output/vost_predcls --output plots
    python tools/plot_results.py output/seed0 output/seed1 "wide=output/other" --constraint no --rank 20 --output plots
    python tools/plot_results.py --training output/oed_predcls vost=output/vost_predcls --output plots
    python tools/plot_results.py --dataset ag_sample --output plots

Of runs: per_predicate (bars, the most frequent predicate first, the rare ones marked), head_body_tail and recall_at_k.
RUN is as in tools/make_table.py; all runs are of one task, and several of one model are drawn as their mean.
Of trainings: training (losses, learning rate and recall at K against the iteration, stage by stage), also while they
run; FOLDER is a run's, or one stage's. Of a data set: predicate_frequencies.
"""

import argparse
import os


def main(argv: list[str] | None = None) -> None:
    """Writes the plots and prints their paths."""
    parser = _parser()
    args = parser.parse_args(argv)
    if not (args.runs or args.training or args.dataset):
        parser.error("name a RUN, --training or --dataset")
    # Only now, so that --help needs no seconds.
    from detectron2.utils.file_io import PathManager

    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors
    from vost_sgg.visualization.plots import save_figure

    with user_errors(*SETUP_ERRORS):
        figures = _run_figures(args.runs, args.constraint, args.rank) if args.runs else {}
        if args.training:
            figures["training"] = _training(args.training, args.rank)
        if args.dataset:
            figures["predicate_frequencies"] = _frequencies(args.dataset)
        PathManager.mkdirs(args.output)
        for name, figure in figures.items():
            print("\n".join(save_figure(figure, os.path.join(args.output, name))))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="*", metavar="RUN", help="results, as for make_table.py")
    parser.add_argument(
        "--training",
        nargs="+",
        default=[],
        metavar="FOLDER",
        help="also plot the curves of these trainings; NAME=FOLDER gives one another name",
    )
    parser.add_argument("--dataset", help="also plot how often predicates are annotated in it")
    parser.add_argument("--output", required=True, metavar="FOLDER", help="where plots are written")
    parser.add_argument(
        "--constraint",
        default="with",
        choices=["with", "with_per_pair", "semi", "no"],
        help="of per_predicate and head_body_tail (default: %(default)s)",
    )
    parser.add_argument(
        "--rank",
        type=int,
        default=10,
        choices=[10, 20, 50, 100],
        help="K of the same two, and of training (default: %(default)s)",
    )
    return parser


def _run_figures(arguments: list[str], constraint: str, rank: int) -> dict:
    """The figures by the names of their files."""
    from vost_sgg.evaluation.collation import collated
    from vost_sgg.evaluation.protocols import CONSTRAINTS
    from vost_sgg.evaluation.run_series import by_part, by_predicate, by_rank, predicate_parts
    from vost_sgg.visualization.plots import plot_parts, plot_per_predicate, plot_recall_at_k

    runs = _comparable_runs(arguments, constraint)
    task, parts, rows = runs[0].task, predicate_parts(runs[0]), collated(runs)
    names = [name for members in parts.values() for name in members]
    rules = "\n".join(dict.fromkeys(f"{run.protocol.describe()}\n{run.scored}" for run in runs))
    title = f"{CONSTRAINTS[constraint]}; {rules}"
    panels = {
        f"{metric}@K, {CONSTRAINTS[c].lower()}": by_rank(rows, task, c, metric)
        for c in runs[0].recalls
        for metric in ("R", "mR")
    }
    sizes = {f"{part} ({len(members)} predicates)": members for part, members in parts.items()}
    return {
        "per_predicate": plot_per_predicate(
            by_predicate(rows, task, constraint, rank, names),
            names,
            absent=_absent(runs[0]),
            rare=parts["tail"],
            metric=f"R@{rank}",
            title=title,
        ),
        "head_body_tail": plot_parts(
            by_part(rows, task, constraint, rank, sizes), metric=f"mR@{rank}", title=title
        ),
        "recall_at_k": plot_recall_at_k(panels, title=rules),
    }


def _comparable_runs(arguments: list[str], constraint: str) -> list:
    from vost_sgg.evaluation.runs import check_comparable, read_runs

    runs = read_runs(arguments)
    for run in runs:
        if run.task != runs[0].task:
            raise ValueError(
                f"a plot is of one task: {runs[0].path} is of {runs[0].task}, {run.path} of {run.task}"
            )
        if constraint not in run.recalls:
            raise ValueError(
                f"--constraint {constraint}: {run.path} has {', '.join(run.recalls)}; evaluate it anew with "
                "MODEL.EVALUATOR.CONSTRAINTS"
            )
    check_comparable(runs)
    return runs


def _absent(run) -> list[str]:
    """The predicates that no scored frame has."""
    counts = zip(run.document["predicates"], run.document["predicate_counts"], strict=True)
    return [name for name, count in counts if count == 0]


def _training(arguments: list[str], rank: int):
    from vost_sgg.evaluation.runs import split_name
    from vost_sgg.visualization.training_log import losses, read_training
    from vost_sgg.visualization.training_plot import plot_training

    runs = {}
    for argument in arguments:
        name, folder = split_name(argument)
        if (name or folder) in runs:
            raise ValueError(f"two trainings are called {name or folder}: NAME=FOLDER renames one")
        runs[name or folder] = read_training(folder)
    logged = [curves for stages in runs.values() for curves in stages.values()]
    names = dict.fromkeys(name for curves in logged for name in losses(curves))
    panels = {name.replace("_", " "): name for name in names} | {"learning rate": "lr"}
    evaluated = dict.fromkeys(name for curves in logged for name in curves if "/" in name)
    return plot_training(runs, panels | _evaluations(list(evaluated), rank))


def _evaluations(names: list[str], rank: int) -> dict[str, str]:
    """Title of the panel -> name, of the numbers of an evaluation, ``[data set/]task/constraint/metric``, to draw."""
    from vost_sgg.evaluation.protocols import CONSTRAINTS

    parts = {name: name.rsplit("/", 2) for name in names}
    several = len({where for where, *_ in parts.values()}) > 1
    return {
        f"{metric}, {CONSTRAINTS.get(kind, kind).lower()}{f' ({where})' if several else ''} (%)": name
        for name, (where, kind, metric) in parts.items()
        if metric in (f"R@{rank}", f"mR@{rank}", "AP")
    }


def _frequencies(dataset: str):
    from detectron2.data import MetadataCatalog

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.data.annotation_index import SPLITS
    from vost_sgg.data.predicate_counts import data_set_stem, predicate_counts
    from vost_sgg.visualization.plots import plot_frequencies

    stem = data_set_stem(dataset)
    counts = predicate_counts(stem)
    names = MetadataCatalog.get(f"{stem}_{SPLITS[0]}").predicate_classes
    order = sorted(range(len(names)), key=lambda i: -counts["entries", "all"][i])
    return plot_frequencies(
        {split: [counts["entries", split][i] for i in order] for split in SPLITS},
        [names[i] for i in order],
        title=f"{stem}: all annotated entries",
    )


if __name__ == "__main__":
    main()
