"""The embedded sample data set: synthetic videos in Action Genome's on-disk layout."""

from vost_sgg.data.sample.generate import ensure_sample

__all__ = ["ensure_sample"]
