from vost_sgg.errors import error_text


def test_a_message_is_said_as_it_was_written():
    assert error_text(KeyError("no part 'X'")) == "no part 'X'"
    assert error_text(ValueError("bad 'Y'")) == "bad 'Y'"
    assert error_text(FileNotFoundError(2, "none", "a.pth")) == "[Errno 2] none: 'a.pth'"
    assert error_text(KeyError()) == ""
