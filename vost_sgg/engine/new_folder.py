"""A folder of results that is there whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from vost_sgg.data.dump import PARTIAL
from vost_sgg.errors import disk_error


def check_new_folder(folder: str) -> None:
    """Raises FileExistsError if there is something of this name that is no empty folder."""
    if os.path.lexists(folder) and not (os.path.isdir(folder) and not os.listdir(folder)):
        raise FileExistsError(
            f"{folder} exists and is not an empty folder: name another one, or move it away"
        )


@contextmanager
def new_folder(folder: str) -> Iterator[str]:
    """A temporary folder beside ``folder``, which gets its name when the body ends without an error.

    Raises:
        FileExistsError: as :func:`check_new_folder`, at the start or at the end.
        OSError: the disk is full; nothing is left.
    """
    check_new_folder(folder)
    folder = os.path.abspath(folder)
    parent, name = os.path.split(folder)
    partial = os.path.join(parent, f".{name}.{os.getpid()}{PARTIAL}")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        os.makedirs(partial)
        yield partial
        check_new_folder(folder)
        os.rename(partial, folder)
    except Exception as error:
        full = disk_error(error)
        if full is None:
            raise
        raise OSError(
            f"{folder} cannot be written ({full.strerror}), and what was made of it is deleted: make room and run the "
            "command again, it starts anew"
        ) from None
    finally:
        shutil.rmtree(partial, ignore_errors=True)
