"""Keeps the parsed annotations beside their source, so that only the first start reads the large files."""

import hashlib
import json
import logging
import os
import tempfile
import zlib
from collections.abc import Callable, Sequence

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from vost_sgg.data.annotation_index import AnnotationIndex

logger = logging.getLogger(__name__)

# Part of the fingerprint: raise it whenever the columns or what is read into them change.
FORMAT_VERSION = 1
_SAMPLED_BYTES = 1 << 16


def cached_index(
    cache_path: str, sources: Sequence[str], build: Callable[[], AnnotationIndex]
) -> AnnotationIndex:
    """The index in ``cache_path`` if it was made from ``sources`` as they are now, else ``build()``, then stored.

    A damaged cache is rebuilt and a folder that cannot be written is used without one; both with a warning.

    Args:
        cache_path: a safetensors file beside the sources.
        sources: local paths of the files that ``build`` reads.
        build: reads the sources.
    """
    fingerprint = _fingerprint(sources)
    index = _load(cache_path, fingerprint)
    if index is None:
        logger.info("Reading %s: the first time takes up to a minute.", ", ".join(sources))
        index = build()
        _store(cache_path, index, fingerprint)
    return index


def _fingerprint(sources: Sequence[str]) -> str:
    """Size, modification time, and a hash of the head and the tail of each file: no reading of whole files."""
    files = {}
    for path in sources:
        stat = os.stat(path)
        with open(path, "rb") as file:
            sampled = file.read(_SAMPLED_BYTES)
            file.seek(max(0, stat.st_size - _SAMPLED_BYTES))
            sampled += file.read()
        digest = hashlib.sha256(sampled).hexdigest()
        files[os.path.basename(path)] = [stat.st_size, stat.st_mtime_ns, digest]
    return json.dumps({"format": FORMAT_VERSION, "files": files}, sort_keys=True)


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    """safetensors notices a file cut short, not a changed byte."""
    value = 0
    for name in sorted(arrays):
        value = zlib.crc32(np.ascontiguousarray(arrays[name]).data, value)
    return str(value)


def _load(path: str, fingerprint: str) -> AnnotationIndex | None:
    if not os.path.exists(path):
        return None
    try:
        # Of the frameworks only torch maps the file; numpy reads it into the memory of every process.
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            if metadata.get("fingerprint") != fingerprint:
                logger.info("%s was made from other files than there are now.", path)
                return None
            arrays = {name: file.get_tensor(name).numpy() for name in file.keys()}
        if metadata["checksum"] != _checksum(arrays):
            raise ValueError("its checksum differs")
        return AnnotationIndex.from_arrays(arrays)
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        logger.warning("%s is damaged (%s): it is made anew.", path, error)
        return None


def _store(path: str, index: AnnotationIndex, fingerprint: str) -> None:
    arrays = index.to_arrays()
    metadata = {"fingerprint": fingerprint, "checksum": _checksum(arrays)}
    temporary = None
    try:
        handle, temporary = tempfile.mkstemp(dir=os.path.dirname(path), suffix=".tmp")
        os.close(handle)
        save_file(arrays, temporary, metadata)
        # mkstemp makes it private; a data set's folder is often shared.
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except (OSError, SafetensorError) as error:
        if temporary is not None and os.path.exists(temporary):
            os.remove(temporary)
        logger.warning("%s cannot be written (%s): every start will read the sources.", path, error)
