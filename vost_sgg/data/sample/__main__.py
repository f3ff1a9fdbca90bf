"""Generates the sample data set: python -m vost_sgg.data.sample --root datasets/ag_sample."""

import argparse

from vost_sgg.data.sample.generate import ensure_sample


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m vost_sgg.data.sample", description=__doc__)
    parser.add_argument("--root", required=True, help="folder of the data set")
    parser.add_argument(
        "--videos",
        type=int,
        default=900,
        help="how many videos; every fifth is for testing (default 900)",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of the generator (default 0)")
    arguments = parser.parse_args()

    ensure_sample(arguments.root, arguments.videos, arguments.seed)
    print(f"{arguments.root} holds the sample data set of {arguments.videos} videos")


if __name__ == "__main__":
    main()
