"""Lists the triplets <person, predicate, object> that training annotates: what is not in it is zero-shot.

    python tools/count_triplets.py ag_sample_train --output triplets.json
    python tools/count_triplets.py action_genome_train --output triplets.json --unseen-in action_genome_test

An evaluation counts DATASETS.TRAIN by itself; tools/evaluate_predictions.py --triplets reads the list instead.
"""

import argparse


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("datasets", nargs="+", metavar="NAME", help="registered data sets")
    parser.add_argument("--output", required=True, metavar="FILE", help="the JSON to write")
    parser.add_argument(
        "--unseen-in",
        metavar="NAME",
        help="print the triplets of this data set that are not listed",
    )
    args = parser.parse_args(argv)
    # Only now, so that --help needs no seconds.
    from vost_sgg.engine.launching import SETUP_ERRORS, user_errors

    with user_errors(*SETUP_ERRORS):
        run(args)


def run(args: argparse.Namespace) -> None:
    import numpy as np
    from detectron2.data import MetadataCatalog

    from vost_sgg.evaluation.results import write_results

    counts = _counts(args.datasets, "NAME")
    metadata = MetadataCatalog.get(args.datasets[0])
    objects, predicates = metadata.thing_classes, metadata.predicate_classes
    document = counts.document(datasets=args.datasets, objects=objects, predicates=predicates)
    write_results(document, args.output)
    kinds, total = np.count_nonzero(counts.predicates), counts.predicates.sum()
    print(
        f"written: {args.output}, {kinds} kinds of {total:,} triplets of {counts.pairs.sum():,} pairs"
    )
    if args.unseen_in is None:
        return
    others = _counts([args.unseen_in], "--unseen-in")
    things, columns = np.nonzero(others.predicates)
    unseen = counts.unseen(things, columns)
    for thing, column in zip(things[unseen].tolist(), columns[unseen].tolist(), strict=True):
        number = others.predicates[thing, column]
        print(f"{number:7,} <person, {predicates[column]}, {objects[thing]}>")
    number = others.predicates[things[unseen], columns[unseen]].sum()
    print(f"{args.unseen_in}: {unseen.sum()} kinds, {number:,} triplets, are zero-shot")


def _counts(names: list[str], option: str):
    from itertools import chain

    from vost_sgg.data.frames import frame_ground_truth
    from vost_sgg.data.loaders import check_datasets, read_datasets
    from vost_sgg.evaluation.triplet_counts import TripletCounts

    check_datasets(names, option)
    return TripletCounts.of(map(frame_ground_truth, chain.from_iterable(read_datasets(names))))


if __name__ == "__main__":
    main()
