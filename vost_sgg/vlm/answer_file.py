"""The file that one video's answers are appended to: whatever is stored once is never lost and never asked again."""

import fcntl
import os
from collections.abc import Iterable

from detectron2.utils.file_io import PathManager

from vost_sgg.vlm.cache import PART, CacheError, CacheLine, Key, scan, video_path
from vost_sgg.whole_files import write_whole


class AnswerFile:
    """``<video>.jsonl.part``, open for appending; a context manager, which holds a lock on it.

    A half-written last line is cut off, a corrupt line in the middle is left out: both are then asked again.

    Args:
        folder: of the cache.
        video_id: names the file.
        asked: every prompt of the video, key -> hash, in the order in which the finished file has them.

    Raises:
        CacheError: another process writes this video, or the file has answers to other prompts.
    """

    def __init__(self, folder: str, video_id: str, asked: dict[Key, str]):
        self.path = PathManager.get_local_path(video_path(folder, video_id))
        self.part = self.path + PART
        self._asked = asked
        self.stored: dict[Key, CacheLine] = {}
        self.corrupt = 0

    def __enter__(self) -> "AnswerFile":
        self._file = open(self.part, "ab")
        try:
            self._lock()
            self._read()
        except BaseException:
            self._file.close()
            raise
        return self

    def __exit__(self, *_) -> None:
        self._file.close()

    def append(self, lines: Iterable[CacheLine]) -> None:
        """Stores answers; when this returns, killing the process does not lose them."""
        lines = list(lines)
        try:
            self._file.write("".join(line.to_text() for line in lines).encode("ascii"))
            self._file.flush()
        except OSError as error:  # the disk is full: a half-written line is cut off by the next run
            raise OSError(error.errno, error.strerror, self.part) from error
        self.stored.update((line.key, line) for line in lines)

    def finish(self) -> None:
        """Renames the file to the finished one. Raises CacheError if an answer is missing."""
        missing = [key for key in self._asked if key not in self.stored]
        if missing:
            raise CacheError(f"{self.part}: {len(missing)} prompts have no answer yet")
        if list(self.stored) != list(self._asked):
            self._rewrite([self.stored[key] for key in self._asked])
        os.fsync(self._file.fileno())
        os.replace(self.part, self.path)

    def _read(self) -> None:
        lines, corrupt, end = scan(self.part)
        self.corrupt = len(corrupt) + (end != os.path.getsize(self.part))
        for line in lines:
            self._check(line)
            self.stored.setdefault(line.key, line)
        if corrupt or len(self.stored) < len(lines):
            self._rewrite(self.stored.values())
        else:
            self._file.truncate(end)

    def _rewrite(self, lines: Iterable[CacheLine]) -> None:
        write_whole(self.part, "".join(line.to_text() for line in lines).encode("ascii"))
        self._file.close()
        self._file = open(self.part, "ab")
        self._lock()

    def _check(self, line: CacheLine) -> None:
        expected = self._asked.get(line.key)
        if expected != line.prompt:
            what = (
                "another prompt" if expected else "a frame or pair that the data set does not have"
            )
            raise CacheError(
                f"{self.part}: it has an answer to {what} ({line.frame}): the data set or the templates changed since; "
                "move the folder away, or set another MODEL.VLM.TAG"
            )

    def _lock(self) -> None:
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CacheError(
                f"{self.part}: another process is writing this video; give each its own --shard i/n"
            ) from None
        except OSError:  # a file system without locks
            pass
