"""Prints the results of runs in the layout of a table of the paper, beside the paper's own rows.

    python tools/make_table.py output/oed_predcls output/vost_predcls output/vost_sgdet --like table1
    python tools/make_table.py output/sample/*_predcls --like table2 --format markdown
    python tools/make_table.py output/seed0 output/seed1 output/seed2 "wide=output/other" --like table5 --format latex
    python tools/make_table.py action_genome --like table4

RUN is a folder that tools/train_net.py or tools/ablation.py wrote, the folder of one of its stages, or a JSON file of
an evaluation or an ablation; NAME=RUN gives the model another name. Of a run's stages the last is taken, in table3 the
spatial one. Runs of one model are one row, mean ± sample standard deviation. For table4 RUN is a data set, without its
split.
"""

import argparse


def main(argv: list[str] | None = None) -> None:
    """Prints one table."""
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors
    from vost_sgg.evaluation.table_formats import render

    with user_errors(*SETUP_ERRORS):
        print(render(table(args.like, args.runs), args.format))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("runs", nargs="+", metavar="RUN", help="results, or a data set for table4")
    parser.add_argument("--like", required=True, choices=[f"table{i}" for i in range(1, 7)])
    parser.add_argument(
        "--format",
        default="text",
        choices=["text", "markdown", "latex", "csv"],
        help="(default: %(default)s)",
    )
    return parser


def table(like: str, runs: list[str]):
    """The ``Table`` of ``runs`` in the layout of ``like``. Errors as the functions called."""
    from vost_sgg.evaluation.paper_tables import STAGES, recall_table_like
    from vost_sgg.evaluation.runs import read_runs

    if like != "table4":
        return recall_table_like(like, read_runs(runs, stage=STAGES.get(like)))
    if len(runs) > 1:
        raise ValueError(f"table4 is of one data set, not of {len(runs)}: {', '.join(runs)}")
    return _counts(runs[0])


def _counts(dataset: str):
    from detectron2.data import MetadataCatalog

    import vost_sgg.data  # noqa: F401  registers the data sets
    from vost_sgg.data.predicate_counts import data_set_stem, predicate_counts
    from vost_sgg.evaluation.counts_table import counts_table

    stem = data_set_stem(dataset)
    metadata = MetadataCatalog.get(f"{stem}_train")
    return counts_table(
        stem, metadata.frame_rule, predicate_counts(stem), metadata.predicate_classes
    )


if __name__ == "__main__":
    main()
