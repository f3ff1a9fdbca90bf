"""Files that are never seen half written."""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import IO

from detectron2.utils.file_io import PathManager

from vost_sgg.errors import disk_error


@contextmanager
def replaced(path: str, mode: str = "wb", *, suffix: str = ".part", **options) -> Iterator[IO]:
    """Opens ``path + suffix`` for writing; when the body is done, that takes the place of ``path``.

    An interruption at any moment leaves the old file or the new one. So does a full disk, about which the error names
    ``path``; the unfinished file is then removed, to make room.

    Args:
        path: of a file.
        mode: "w" or "wb".
        suffix: of the temporary name; one of each process where several may write the same file.
        options: of ``open``.

    Raises:
        OSError: the disk is full.
    """
    local = PathManager.get_local_path
    try:
        with PathManager.open(path + suffix, mode, **options) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())  # or a power failure may leave the new name without its content
    except (
        OSError,
        RuntimeError,
    ) as error:  # torch raises RuntimeError about a file that does not take its bytes
        full = disk_error(error)
        if full is None:
            raise
        with suppress(FileNotFoundError):
            os.remove(local(path + suffix))
        raise OSError(full.errno, full.strerror, path) from error
    os.replace(local(path + suffix), local(path))


def write_whole(path: str, content: bytes) -> None:
    """Writes the whole file, which other processes, of other machines too, may be writing at the same time."""
    with replaced(path, suffix=f".{os.uname().nodename}.{os.getpid()}.tmp") as file:
        file.write(content)
