from vost_sgg.errors import error_text, shown


def test_a_message_is_said_as_it_was_written():
    assert error_text(KeyError("no part 'X'")) == "no part 'X'"
    assert error_text(ValueError("bad 'Y'")) == "bad 'Y'"
    assert error_text(FileNotFoundError(2, "none", "a.pth")) == "[Errno 2] none: 'a.pth'"
    assert error_text(KeyError()) == ""


def test_a_value_is_shown_as_it_is_and_a_long_one_cut():
    assert [shown(v) for v in ("a'b", 7, None, [2], {"k": (1.5, "v")})] == [
        *('"a\'b"', "7", "None", "[2]", "{'k': (1.5, 'v')}")
    ]
    assert shown("x" * 1000) == "'" + "x" * 79 + "... (1,002 characters)"


def test_a_value_without_end_is_shown_in_few_words():
    twice, deep = [], []
    for _ in range(20):  # a million brackets
        twice = [twice, twice]
    for _ in range(100_000):
        deep = [deep]
    assert "characters" not in shown(twice)
    for value in (twice, deep, 10**5000, [10**5000], ["x" * 1000], list(range(1000))):
        assert len(shown(value)) < 100
