"""Scores a prediction file without a model, by any protocol.

    python tools/evaluate_predictions.py OUTPUT_DIR/temporal/scene_graph_predictions_ag_sample_test.safetensors
    python tools/evaluate_predictions.py FILE --protocol sttran --constraints with semi no --analysis
    python tools/evaluate_predictions.py FILE --ceiling --json scores.json
    python tools/evaluate_predictions.py --dataset ag_sample_test --train ag_sample_train --ceiling

Every evaluation writes such a file; tools/convert_predictions.py makes one of plain JSON. Without options the table is
that of the evaluation. Without a FILE the frequency baseline is scored in PredCLS, from annotations alone.
docs/evaluation.md explains protocols and metrics.
"""

import argparse
from collections.abc import Iterator, Mapping, Sequence

# What a file's header may say of how it was scored.
_RULES = {"task", "protocol", "constraints", "nms", "iou", "semi_threshold"}


def main(argv: list[str] | None = None) -> None:
    args = _parser().parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS):
        run(args)


def run(args: argparse.Namespace) -> None:
    from vost_sgg.evaluation.ceiling import recall_ceiling
    from vost_sgg.evaluation.prediction_file import PredictionFile
    from vost_sgg.evaluation.rescoring import check_vocabulary, rescore
    from vost_sgg.evaluation.results import write_results
    from vost_sgg.evaluation.scene_graph_scores import BASELINE_NAME, SceneGraphScores

    file = PredictionFile(args.file) if args.file else None
    dataset = args.dataset or (file.header.dataset if file else None)
    if dataset is None:
        raise ValueError("name a FILE, or a --dataset for the frequency baseline")
    metadata = _metadata(dataset)
    if file:
        check_vocabulary(file, metadata)
    baseline = _baseline(args, file, metadata)
    if file is None and baseline is None:
        raise ValueError(
            "without a FILE the frequency baseline is scored: add --train or --triplets"
        )
    annotations = _annotations(dataset)
    scores = SceneGraphScores(
        dataset_name=dataset,
        rules=_rules(args, file),
        method=file.header.method if file else BASELINE_NAME,
        baseline=baseline if file else None,
        training=baseline.counts if baseline else None,
    )
    if file:
        _say_missing(rescore(file, annotations, scores), args.file)
    else:
        for ground_truth in annotations.values():
            scores.update(ground_truth, baseline.predict_given(ground_truth))
    ceiling = None
    if args.ceiling:
        ceiling = recall_ceiling(annotations.values(), scores.recall.protocol)
    if not scores.recall.frames:
        raise ValueError(f"{dataset}: no frame has an annotated pair; there is no recall to report")
    summary = scores.summary(ceiling)
    print(summary.text())
    if args.analysis:
        print(f"\n{summary.analysis_text()}")
    if args.json:
        write_results(summary.document(), args.json)
        print(f"written: {args.json}")


def _rules(args: argparse.Namespace, file) -> dict:
    """The rules that the file was scored by, where the command line says nothing else."""
    rules = dict(file.header.rules) if file else {}
    unknown = rules.keys() - _RULES
    if unknown:
        raise ValueError(f"{file.path} was scored by other rules: {', '.join(sorted(unknown))}")
    rules["task"] = file.header.task if file else "predcls"
    if args.protocol:
        rules |= {"protocol": args.protocol, "iou": None}
    given = {
        "constraints": args.constraints,
        "iou": args.iou,
        "semi_threshold": args.semi_threshold,
    }
    rules |= {name: value for name, value in given.items() if value is not None}
    if args.nms:
        rules["nms"] = None if args.nms == "none" else args.nms
    return rules


def _baseline(args: argparse.Namespace, file, metadata):
    from itertools import chain

    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.evaluation import FrequencyBaseline
    from vost_sgg.evaluation.triplet_counts import TripletCounts

    if args.triplets:
        words = {"objects": metadata.thing_classes, "predicates": metadata.predicate_classes}
        return FrequencyBaseline(TripletCounts.read(args.triplets, **words))
    names = args.train if args.train is not None else (file.header.training if file else [])
    if not names:
        return None
    check_datasets(names, "--train")
    return FrequencyBaseline(map(frame_ground_truth, chain.from_iterable(read_datasets(names))))


def _metadata(dataset: str):
    from detectron2.data import MetadataCatalog

    from vost_sgg.data.loaders import check_datasets

    check_datasets([dataset], "--dataset")
    return MetadataCatalog.get(dataset)


def _annotations(dataset: str) -> Mapping:
    from vost_sgg.data.loaders import read_datasets

    return _Annotations(read_datasets([dataset])[0])


class _Annotations(Mapping):
    """Image id -> annotation, made when it is asked for: memory holds the names only."""

    def __init__(self, records: Sequence[dict]):
        self._records = records
        self._rows = {record["image_id"]: row for row, record in enumerate(records)}

    def __getitem__(self, image_id: str):
        from vost_sgg.data.frames import frame_ground_truth

        return frame_ground_truth(self._records[self._rows[image_id]])

    def __iter__(self) -> Iterator[str]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __contains__(self, image_id: str) -> bool:
        return image_id in self._rows


def _say_missing(missing: list[str], path: str) -> None:
    if missing:
        print(
            f"{path} has no prediction of {len(missing)} frames of the data set, the first is {missing[0]}"
        )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("file", nargs="?", metavar="FILE", help="a prediction file")
    add("--dataset", metavar="NAME", help="what is scored against (default: what the file names)")
    rules = parser.add_argument_group("rules (default: those by which the file was first scored)")
    add_rule = rules.add_argument
    add_rule("--protocol", choices=("oed", "sttran", "tempura"), help="whose rules")
    add_rule(
        "--constraints",
        nargs="+",
        choices=("with", "with_per_pair", "semi", "no"),
        help="columns of the table",
    )
    add_rule("--semi-threshold", type=float, metavar="X", help="of the semi constraint")
    add_rule("--nms", choices=("none", "oed", "iou"), help="pair NMS before the ranks are read")
    add_rule("--iou", choices=("plain", "plus_one"), help="instead of the protocol's")
    training = parser.add_mutually_exclusive_group()
    training.add_argument(
        "--train",
        nargs="*",
        metavar="NAME",
        help="data sets of the frequency baseline and of zero-shot recall (default: what the file names); "
        "without a name: neither",
    )
    training.add_argument(
        "--triplets", metavar="FILE", help="the same from the list of tools/count_triplets.py"
    )
    add("--ceiling", action="store_true", help="a row for a predictor that knows the labels")
    add("--analysis", action="store_true", help="further metrics, and the recall of each predicate")
    add("--json", metavar="FILE", help="write every number there, as an evaluation does")
    return parser


if __name__ == "__main__":
    main()
