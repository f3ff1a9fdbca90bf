import _codecs
import copy
import os
import pickle

import numpy as np
import pytest

from vost_sgg.data.plain_pickle import _encode, load_plain_pickle

CONTENT = {
    "001YG.mp4/000089.png": {
        "bbox": np.array([[24.3, 71.4, 259.2, 268.2]], np.float32),
        "none": np.zeros((0, 4), np.float32),
        "columns": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "big": np.arange(3, dtype=">i4"),
        "words": np.array(["in", "wiping"]),
        "flags": np.array([True, False]),
        "score": np.float32(0.99),
        "name": np.str_("sofa"),
        "size": (480, 270),
        "labels": ["in", None, True, 1.5, b"bytes"],
    }
}


def write(tmp_path, data: bytes) -> str:
    path = tmp_path / "some.pkl"
    path.write_bytes(data)
    return str(path)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_plain_data_and_arrays_come_back_as_pickle_reads_them(tmp_path, protocol):
    data = pickle.dumps(CONTENT, protocol)
    loaded = load_plain_pickle(write(tmp_path, data))
    np.testing.assert_equal(loaded, CONTENT)
    for key, frame in pickle.loads(data).items():
        for name, value in frame.items():
            assert getattr(loaded[key][name], "dtype", None) == getattr(value, "dtype", None)


@pytest.mark.parametrize("protocol", [2, 3])
def test_numpy_1_spells_its_modules_otherwise(tmp_path, protocol):
    data = pickle.dumps(CONTENT, protocol)
    old = data.replace(b"numpy._core", b"numpy.core")
    assert old != data
    np.testing.assert_equal(load_plain_pickle(write(tmp_path, old)), CONTENT)


def test_arrays_copy_and_pickle_as_common_ones(tmp_path):
    array = load_plain_pickle(write(tmp_path, pickle.dumps(np.arange(3.0), 3)))
    for again in (pickle.loads(pickle.dumps(array)), copy.deepcopy(array), array + 0):
        np.testing.assert_array_equal(again, [0, 1, 2])


class Asks:
    """Pickles as a call of anything."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def test_code_is_refused_by_name_and_not_run(tmp_path):
    witness = tmp_path / "ran"
    path = write(tmp_path, pickle.dumps({"a": Asks(os.mkdir, str(witness))}))
    with pytest.raises(ValueError, match=rf"{path} .*asks for \w+\.mkdir, and only plain data"):
        load_plain_pickle(path)
    assert not witness.exists()


@pytest.mark.parametrize(
    "harmless", [Asks(eval, "1"), Asks(getattr, 1, "real"), {1}.__class__, Asks(np.load, "x")]
)
def test_nothing_but_arrays_may_be_named(tmp_path, harmless):
    with pytest.raises(ValueError, match="asks for"):
        load_plain_pickle(write(tmp_path, pickle.dumps(harmless, 2)))


@pytest.mark.parametrize(
    "array",
    [np.array([{}, None], object), np.zeros(2, [("a", "f4")]), np.array(["2020-01-01"], "M8[D]")],
    ids=["object", "structured", "date"],
)
def test_arrays_that_are_not_numbers_or_text_are_refused(tmp_path, array):
    with pytest.raises(ValueError, match="plain"):
        load_plain_pickle(write(tmp_path, pickle.dumps(array, 3)))


def test_a_forged_array_state_does_not_reach_numpy(tmp_path):
    honest = pickle.dumps(np.zeros(4, np.uint8), 3)
    # A shape of 200 over 4 bytes: numpy would be asked to read what is not there.
    forged = honest.replace(b"K\x04\x85", b"K\xc8\x85")
    assert forged != honest
    with pytest.raises(ValueError, match=r"4 bytes do not fill an array of shape \(200,\)"):
        load_plain_pickle(write(tmp_path, forged))


def test_no_other_codec_is_called(tmp_path):
    with pytest.raises(ValueError, match="only latin1"):
        load_plain_pickle(write(tmp_path, pickle.dumps(Asks(_codecs.encode, "x", "zlib_codec"))))


@pytest.mark.parametrize(
    "name, state",
    [
        (b"_codecs\nencode", b"N}X\x0c\0\0\0__defaults__X\x06\0\0\0latin1\x85s\x86"),
        (b"_codecs\nencode", b"}X\x04\0\0\0keptNs"),
        (b"numpy\ndtype", b"}X\x04\0\0\0keptNs"),
    ],
    ids=["slots", "dict", "class"],
)
def test_what_may_be_called_cannot_be_changed(tmp_path, name, state):
    with pytest.raises(ValueError, match="not read: it changes what it was given to call"):
        load_plain_pickle(write(tmp_path, b"\x80\x02c" + name + b"\n" + state + b"b0N."))
    assert _encode.__defaults__ is None and not _encode.__dict__


@pytest.mark.parametrize("kept", [_codecs.encode, np.dtype, np.dtype("f4")])
@pytest.mark.parametrize("protocol", [2, 5])
def test_nothing_but_plain_data_is_returned(tmp_path, kept, protocol):
    data = pickle.dumps({"numbers": np.arange(3.0), "kept": [kept]}, protocol)
    with pytest.raises(ValueError, match="not plain data|asks for"):
        load_plain_pickle(write(tmp_path, data))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("share", [0, 0.3, 0.98])
def test_a_pickle_cut_short_says_so(tmp_path, protocol, share):
    data = pickle.dumps(CONTENT, protocol)
    path = write(tmp_path, data[: int(share * len(data))])
    with pytest.raises(ValueError, match="some.pkl is cut short .*download it again"):
        load_plain_pickle(path)


def test_a_file_that_is_no_pickle_is_named(tmp_path):
    with pytest.raises(ValueError, match="some.pkl is not read"):
        load_plain_pickle(write(tmp_path, b"<!DOCTYPE html><title>Quota exceeded</title>"))
