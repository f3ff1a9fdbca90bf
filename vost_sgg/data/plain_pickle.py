"""Reads a pickle that somebody else made, without running anything it asks for.

A pickle is a program: it names callables and calls them. Here it may name only what a numpy array of numbers or text
is made of, and each of those names leads to a stand-in below that checks its arguments. numpy's own constructors are
not handed out: a forged dtype state (object arrays over raw bytes) can make them read arbitrary memory.
"""

import gc
import math
import pickle
import re
import weakref

import numpy as np
from detectron2.utils.file_io import PathManager

_ORDER = {"|": "=", "<": "<", ">": ">", "=": "="}


class _Dtype:
    """Stands in for ``numpy.dtype``: booleans, integers, floats, and fixed-length text."""

    def __init__(self, code, align=False, copy=False):
        if not (
            isinstance(code, str) and re.fullmatch(r"b1|[iu][1248]|f[248]|[SU][1-9]\d{0,4}", code)
        ):
            raise pickle.UnpicklingError(f"an array of dtype {code!r} is not plain numbers or text")
        self.dtype = np.dtype(code)

    def __setstate__(self, state):
        _version, order, subarray, names, fields, *_ = state
        if order not in _ORDER or any(part is not None for part in (subarray, names, fields)):
            raise pickle.UnpicklingError("an array of a structured dtype is not plain data")
        self.dtype = self.dtype.newbyteorder(_ORDER[order])


class _Array(np.ndarray):
    """An array that a pickle fills through ``__setstate__``. It copies and pickles as a common array."""

    def __setstate__(self, state):
        _version, shape, dtype, fortran, raw = state
        _check_content(dtype, shape, raw)
        super().__setstate__((1, shape, dtype.dtype, bool(fortran), bytes(raw)))

    def __reduce_ex__(self, protocol):
        return self.view(np.ndarray).__reduce_ex__(protocol)


def _check_content(dtype, shape, raw) -> None:
    sized = isinstance(shape, tuple) and all(type(n) is int and n >= 0 for n in shape)
    if not (isinstance(dtype, _Dtype) and sized and isinstance(raw, bytes | bytearray)):
        raise pickle.UnpicklingError("an array's state is not a dtype, a shape and bytes")
    if len(raw) != math.prod(shape) * dtype.dtype.itemsize:
        raise pickle.UnpicklingError(f"{len(raw)} bytes do not fill an array of shape {shape}")


def _reconstruct(_subtype, _shape, _typecode) -> _Array:
    return _Array((0,), np.int8)


def _scalar(dtype, raw):
    _check_content(dtype, (), raw)
    return np.frombuffer(raw, dtype.dtype)[0]


def _frombuffer(raw, dtype, shape, order) -> np.ndarray:
    _check_content(dtype, shape, raw)
    return np.frombuffer(raw, dtype.dtype).reshape(shape, order="F" if order == "F" else "C")


def _encode(text: str, encoding: str) -> bytes:
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"_codecs.encode to {encoding!r}; only latin1 carries bytes")
    return text.encode("latin1")


def _empty_bytes() -> bytes:
    return b""


_ALLOWED = {
    ("numpy", "dtype"): _Dtype,
    # Only ever an argument of _reconstruct: a word is enough, and it cannot be called.
    ("numpy", "ndarray"): "numpy.ndarray",
    # How protocols below 3 write bytes.
    ("_codecs", "encode"): _encode,
    ("__builtin__", "bytes"): _empty_bytes,
}
# numpy 1 and numpy 2 spell their modules differently; protocol 5 writes arrays through _frombuffer.
for _core in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_core}.multiarray", "_reconstruct"] = _reconstruct
    _ALLOWED[f"{_core}.multiarray", "scalar"] = _scalar
    _ALLOWED[f"{_core}.numeric", "_frombuffer"] = _frombuffer


class _StandIn:
    """What the file is given for a name it may call. A function or class it could change, for all later files."""

    def __init__(self, function, given: weakref.WeakSet):
        self._function, self._given = function, given
        given.add(self)

    def __call__(self, *arguments):
        made = self._function(*arguments)
        if isinstance(made, _Dtype):
            self._given.add(made)
        return made

    def __setstate__(self, state):
        raise pickle.UnpicklingError("it changes what it was given to call")


class _PlainUnpickler(pickle.Unpickler):
    def __init__(self, file):
        super().__init__(file)
        # Stand-ins that are still held, by this unpickler or by what it has read.
        self.given = weakref.WeakSet()

    def find_class(self, module: str, name: str):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(
                f"it asks for {module}.{name}, and only plain data and numpy arrays are read"
            )
        allowed = _ALLOWED[module, name]
        return _StandIn(allowed, self.given) if callable(allowed) else allowed


def load_plain_pickle(path: str):
    """The content of a pickle (protocols 0 to 5) made of dicts, lists, tuples, text, numbers and numpy arrays.

    Raises:
        ValueError: the file asks for anything else, or is truncated or damaged; the message names the file and
            what it asked for. Nothing the file names has been run.
    """
    collecting = gc.isenabled()
    # The collector would walk millions of fresh containers again and again: three times as slow.
    gc.disable()
    try:
        with PathManager.open(path, "rb") as file:
            unpickler = _PlainUnpickler(file)
            content, given = unpickler.load(), unpickler.given
            del unpickler
            if given:
                raise pickle.UnpicklingError(
                    "it keeps a function or a dtype, which are not plain data"
                )
            return content
    except OSError:
        raise
    except Exception as error:  # damaged opcodes fail in every way that Python has
        if isinstance(error, EOFError) or "truncated" in str(error):
            raise ValueError(f"{path} is cut short ({error}): download it again") from error
        raise ValueError(f"{path} is not read: {error}") from error
    finally:
        if collecting:
            gc.enable()
