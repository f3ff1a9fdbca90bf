"""Whatever a model writes is read as far as it can be, and nothing outside the vocabulary or the frame comes out."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.vlm.frames import VOCABULARY, prompts, record
from vost_sgg.structures import PREDICATE_GROUPS
from vost_sgg.vlm.answers import STATUSES, Answer
from vost_sgg.vlm.parser import ISSUES, AnswerParser, ParseReport
from vost_sgg.vlm.writing import annotated_answer, write_answer

PARSER = AnswerParser(VOCABULARY)
TASKS = ("predcls", "sgcls", "sgdet")
GOOD = '{"contact": ["holding", "touching"], "spatial": ["in front of"], "attention": "looking at"}'


def predcls(text):
    return PARSER.parse(text, prompts("predcls")[0])


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("box_frame", ["resized_pixels", "norm1000"])
def test_the_asked_answer_is_read_back(task, box_frame):
    for prompt in prompts(task, box_frame):
        truth = annotated_answer(prompt, record(), VOCABULARY)
        answer = PARSER.parse(write_answer(truth, prompt, VOCABULARY), prompt)
        assert answer.status == "parsed" and answer.issues == ()
        assert answer.person_row == truth.person_row
        by = {(r.object, r.row): r for r in truth.relations}
        assert len(answer.relations) == len(by) == (1 if task == "predcls" else 2)
        for relation in answer.relations:
            true = by[relation.object, relation.row]
            assert all(getattr(relation, g) == getattr(true, g) for g in PREDICATE_GROUPS)
            assert (relation.box is None) == (true.box is None)
            if true.box:
                assert relation.box == pytest.approx(true.box, abs=0.6)
        assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer


READABLE = {
    "code_fence": f"```json\n{GOOD}\n```",
    "surrounding_text": f"Sure! {GOOD} I hope this helps.",
    "not_json": GOOD.replace('"', "'"),
    "truncated": GOOD[:-4],
    "free_text": "contact: holding, touching\nspatial: in front of\nattention: looking at",
    "other_form": '[{"contacting_predicates": "holding, touching", "spatial": "in front of", "gaze": 1, '
    '"attention_relationship": ["looking_at"]}]',
    "respelled": GOOD.replace("in front of", "infrontof").replace("looking at", "Looking_At"),
    "repeated": GOOD.replace("touching", 'touching", "holding'),
    "unknown_predicate": GOOD.replace("touching", 'touching", "juggling'),
    "wrong_group": '{"contact": ["holding", "in front of"], "spatial": ["touching"], "attention": "looking at"}',
    "several_attentions": GOOD.replace('"looking at"', '["looking at", "unsure"]'),
}


@pytest.mark.parametrize("issue", READABLE)
def test_what_models_really_write_is_repaired_and_counted(issue):
    answer = predcls(READABLE[issue])
    assert answer.status == "repaired" and issue in answer.issues
    (relation,) = answer.relations
    assert relation.contacting == ("holding", "touching") and relation.spatial == ("in_front_of",)
    assert relation.attention == (() if issue == "truncated" else ("looking_at",))


@pytest.mark.parametrize(
    "word, names",
    [
        ("lyingon", ("lying_on",)),
        ("laying on", ("lying_on",)),
        ("have it on the back", ("have_it_on_the_back",)),
        ("haveitontheback", ("have_it_on_the_back",)),
        ("not in contact", ("not_contacting",)),
        ("siting on", ("sitting_on",)),
        ("drinking from the cup", ("drinking_from",)),
        ("other_relationship", ("other_relationship",)),
        ("folding", ()),
        ("on", ()),
    ],
)
def test_spellings_and_synonyms(word, names):
    answer = predcls(f'{{"contact": ["{word}"], "spatial": ["in"], "attention": "unsure"}}')
    assert answer.relations[0].contacting == names


def test_sentences_are_read_without_what_they_deny():
    answer = predcls(
        "He is sitting on the bed, which is beneath him. He is not looking at it, nor holding it."
    )
    (relation,) = answer.relations
    assert relation.contacting[0] == "sitting_on" and relation.spatial == ("beneath",)
    assert relation.attention == ("not_looking_at",)
    assert predcls("She is not eating.").relations == ()


@pytest.mark.parametrize("text", ["", "I cannot help with that.", "{}", "null", "[]", "42", '"x"'])
@pytest.mark.parametrize("task", TASKS)
def test_nothing_to_read_is_empty(task, text):
    answer = PARSER.parse(text, prompts(task)[0])
    assert answer.status == "empty" and answer.relations == () and "no_answer" in answer.issues


def sgdet(box, person="[0, 0, 500, 1000]"):
    text = f'{{"person": {person}, "objects": [{{"object": "cup", "box": {box}, "contact": ["holding"], '
    return PARSER.parse(text + '"spatial": ["in"], "attention": "unsure"}]}', prompts("sgdet")[0])


@pytest.mark.parametrize(
    "box, read, issue",
    [
        ("[500, 500, 100, 250]", (48, 67.5, 240, 135), "box_reversed"),
        ("[100, 250, 1500, 500]", (48, 67.5, 480, 135), "box_outside"),
        ("[-20, 250, 500, 500]", (0, 67.5, 240, 135), "box_outside"),
        ("[0.1, 0.25, 0.5, 0.5]", (48, 67.5, 240, 135), "box_fractions"),
        ('"[100, 250, 500, 500]"', (48, 67.5, 240, 135), "box_form"),
        ("[[100, 250], [500, 500]]", (48, 67.5, 240, 135), "box_form"),
        ('{"x1": 100, "y1": 250, "x2": 500, "y2": 500}', (48, 67.5, 240, 135), "box_form"),
        ("[100, 250, 500]", None, "box_count"),
        ("[100, 250, 100, 500]", None, "box_empty"),
        ("[1200, 250, 1500, 500]", None, "box_empty"),
        ("null", None, "box_count"),
        ("[1e308, 0, 1e400, NaN]", None, "box_count"),
    ],
)
def test_boxes_are_mended_or_dropped(box, read, issue):
    answer = sgdet(box)
    assert issue in answer.issues
    (relation,) = answer.relations
    assert relation.box == (read and pytest.approx(read)) and relation.object == "cup/glass/bottle"
    assert answer.person_box == pytest.approx((0, 0, 240, 270))


def test_no_person_is_counted_and_the_objects_are_kept():
    answer = sgdet("[1, 2, 300, 400]", person="null")
    assert "no_person" in answer.issues and answer.person_box is None
    assert len(answer.relations) == 1


def test_several_objects_of_one_class_are_kept_and_unknown_ones_dropped():
    cup = {"object": "cup/glass/bottle", "box": [0, 0, 100, 100], "contact": ["holding"]}
    other = {**cup, "box": [200, 0, 300, 100]}
    objects = [cup, other, cup, {**cup, "object": "unicorn"}, {**cup, "object": "person"}]
    text = json.dumps({"person": [], "objects": objects})
    answer = PARSER.parse(text, prompts("sgdet")[0])
    assert [r.object for r in answer.relations] == ["cup/glass/bottle"] * 2
    assert {"repeated", "unknown_object", "person_in_objects"} <= set(answer.issues)
    assert answer.person_box == (0, 0, 48, 27)


def test_other_models_box_formats():
    qwen = '[{"bbox_2d": [100, 250, 500, 500], "label": "sofa"}, {"bbox_2d": [0, 0, 9, 90], "label": "man"}]'
    internvl = "<ref>sofa</ref><box>[[100, 250, 500, 500]]</box> <ref>person</ref><box>[[0, 0, 9, 90]]</box>"
    for text in (f"```json\n{qwen}\n```", internvl):
        answer = PARSER.parse(text, prompts("sgdet")[0])
        (relation,) = answer.relations
        assert relation.object == "sofa/couch" and relation.box == pytest.approx(
            (48, 67.5, 240, 135)
        )
        assert answer.person_box == pytest.approx((0, 0, 4.32, 24.3))


def test_sgcls_numbers_lead_to_the_boxes():
    text = json.dumps(
        {
            "boxes": [
                {"number": "2", "object": "person"},
                {"number": 1, "object": "couch", "contact": ["sitting on"]},
                {"number": 7, "object": "chair"},
            ]
        }
    )
    answer = PARSER.parse(text, prompts("sgcls")[0])
    assert answer.person_row == 0
    assert [(r.object, r.row) for r in answer.relations] == [("sofa/couch", 1)]
    assert {"unknown_number", "respelled", "missing_group"} <= set(answer.issues)
    listed = PARSER.parse("1. bed: contact: lying on\n2. person\n3. a chair", prompts("sgcls")[0])
    assert [(r.object, r.row) for r in listed.relations] == [("bed", 1), ("chair", 2)]


# Pieces that break JSON, boxes, words and encodings.
PIECES = [
    *'{}[]":,',
    *(
        "'",
        "`",
        "\\",
        "\n",
        "\u201c",
        "\ud800",
        "\x00",
        "\u00e9",
        "null",
        "NaN",
        "1e999",
        "-7",
        "9" * 400,
    ),
    *(
        "holding",
        "in",
        "looking at",
        "unicorn",
        "contact:",
        "spatial",
        "person",
        "cup",
        "[1, 2, 3, 4]",
    ),
    *(
        "```json",
        "<box>",
        '{"object": ',
        '"box": [0, 5, 1e9, -3]',
        "[" * 50,
        "{" * 50,
        '{"a":' * 30,
        "1." * 9,
    ),
]


PLACES = st.floats(0, 1)
EDITS = st.lists(
    st.tuples(
        st.sampled_from(["cut", "insert", "overwrite", "repeat", "stop", "respell"]),
        PLACES,
        PLACES,
        st.sampled_from(PIECES) | st.text(max_size=4),
    ),
    min_size=1,
    max_size=8,
)


def mutated(text, edits):
    """``text`` after some edits, each between two places in it, given as shares of its length."""
    for kind, one, other, piece in edits:
        i, j = sorted(int(place * len(text)) for place in (one, other))
        if kind == "cut":
            text = text[:i] + text[min(j, i + 30) :]
        elif kind == "insert":
            text = text[:i] + piece + text[i:]
        elif kind == "overwrite":
            text = text[:i] + piece + text[i + len(piece) :]
        elif kind == "repeat":
            text = text[: i + 40] + text[i:j]
        elif kind == "stop":
            text = text[: i + len(text) // 2]
        else:
            text = text.replace(text[i : i + 1], piece, 3)
        text = text[:3000]
    return text


def check(answer, prompt):
    """Everything that holds for any answer."""
    assert answer.status in STATUSES and set(answer.issues) <= set(ISSUES)
    assert (answer.status == "parsed") == (not answer.issues)
    width, height = prompt.boxes.size
    boxes = [answer.person_box, *(r.box for r in answer.relations)]
    for x0, y0, x1, y1 in filter(None, boxes):
        assert 0 <= x0 < x1 <= width and 0 <= y0 < y1 <= height
    for relation in answer.relations:
        assert relation.object is None or relation.object in VOCABULARY.objects[1:]
        assert relation.row is None or relation.row in (prompt.rows or prompt.pair)
        assert len(relation.attention) <= 1
        for group in PREDICATE_GROUPS:
            names = getattr(relation, group)
            assert len(set(names)) == len(names) and set(names) <= set(VOCABULARY.group(group))
    assert Answer.from_json(json.loads(json.dumps(answer.to_json()))) == answer


# The same examples in every run, so that a failure here is one everywhere.
SEARCH = settings(derandomize=True, database=None, deadline=None)


@pytest.mark.parametrize("task", TASKS)
def test_mutated_answers(task):
    prompt = prompts(task, "resized_pixels")[0]
    good = write_answer(annotated_answer(prompt, record(), VOCABULARY), prompt, VOCABULARY)
    sources = [good, READABLE["free_text"], f"1. {good}", "<ref>cup</ref><box>[[1, 2, 3, 4]]</box>"]

    @settings(SEARCH, max_examples=700)
    @given(st.sampled_from(sources), EDITS)
    def holds(source, edits):
        check(PARSER.parse(mutated(source, edits), prompt), prompt)

    holds()


KEYS = "object objects boxes box person contact spatial attention number x".split()
LEAVES = [None, True, 0, 1, -3, 2.5, 10**400, "", "cup", "holding", "in", [1, 2, 3, 4], "person"]
JSON = st.recursive(
    st.sampled_from(LEAVES),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=4)
    ),
    max_leaves=30,
)


@pytest.mark.parametrize("task", TASKS)
@settings(SEARCH, max_examples=150)
@given(value=JSON)
def test_json_of_any_shape(task, value):
    prompt = prompts(task)[0]
    check(PARSER.parse(json.dumps(value), prompt), prompt)


@pytest.mark.parametrize("task", TASKS)
@settings(SEARCH, max_examples=100)
@given(text=st.text())
def test_any_text(task, text):
    prompt = prompts(task)[0]
    check(PARSER.parse(text, prompt), prompt)


def test_long_and_deep_texts_are_bounded():
    for text in (
        "[" * 100_000,
        '{"a":' * 50_000,
        "holding " * 20_000,
        " " * 100_000,
        "{}" * 50_000,
        "9" * 100_000,
    ):
        for task in TASKS:
            answer = PARSER.parse(text, prompts(task)[0])
            check(answer, prompts(task)[0])
            assert "too_long" in answer.issues


def test_the_report_says_how_many_and_why():
    text = ParseReport([predcls(GOOD), predcls("no"), predcls(READABLE["code_fence"])]).describe()
    assert "3 answers: 1 parsed (33.3%), 1 repaired (33.3%), 1 empty (33.3%)" in text
    assert "1  code_fence: the JSON stood in a code fence" in text
