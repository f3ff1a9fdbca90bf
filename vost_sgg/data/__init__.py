"""Data sets, the mapper, reference samplers and loaders. Importing this package registers the data sets."""

from vost_sgg.data import catalog as _catalog  # noqa: F401
