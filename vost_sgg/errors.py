"""How an error is said to whoever runs a command."""

import errno
import reprlib

# The disk is full, over a quota or a limit, or read-only.
_DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS)


def disk_error(error: BaseException | None) -> OSError | None:
    """The error about a full disk which ``error`` is or comes from, rather one with the file's name, or None.

    One raised ``from None`` comes from nothing else: it says itself what became of the files.
    """
    found = None
    while error is not None:
        if isinstance(error, OSError) and error.errno in _DISK and not (found and found.filename):
            found = error
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return found


def error_text(error: Exception) -> str:
    """The message of ``error`` as it was written; ``str`` of a KeyError puts it in quotes."""
    full = disk_error(error)
    if full is not None:
        return (
            f"{full.filename or 'a file'} cannot be written ({full.strerror}): what was finished before it is whole. "
            "Make room and run the command again (a training: with --resume), it goes on"
        )
    return str(error.args[0] if isinstance(error, KeyError) and error.args else error)


class _Short(reprlib.Repr):
    def __init__(self):
        super().__init__()
        self.maxlevel, self.maxstring, self.maxother = 3, 80, 80

    def repr_int(self, value: int, level: int) -> str:
        """Python itself refuses to write numbers of thousands of digits."""
        bits = value.bit_length()
        return repr(value) if bits < 256 else f"a number of {bits:,} bits"


def shown(value: object, letters: int = 80) -> str:
    """The ``repr`` of something that a file says, cut where it is longer than an error message can bear.

    Of what is no text it is not made whole: lists that hold one another twice over would fill the memory.
    """
    whole = isinstance(value, str)
    text = repr(value) if whole else _Short().repr(value)
    if len(text) <= letters:
        return text
    return f"{text[:letters]}..." + (f" ({len(text):,} characters)" if whole else "")
