"""What is asked: the vocabulary, the boxes in the model's coordinates, and no leak."""

import re

import pytest

from tests.vlm.frames import METADATA, VOCABULARY, prompts, record
from vost_sgg.vlm.prompts import build_prompts, count_prompts
from vost_sgg.vlm.words import prompt_word


@pytest.mark.parametrize("task", ["predcls", "sgcls", "sgdet"])
@pytest.mark.parametrize("box_frame", ["resized_pixels", "norm1000"])
def test_every_prompt_names_the_vocabulary_and_the_answers_form(task, box_frame):
    made = prompts(task, box_frame)
    assert len(made) == count_prompts(task, record())
    for prompt in made:
        for group in ("attention", "spatial", "contacting"):
            assert ", ".join(map(prompt_word, VOCABULARY.group(group))) in prompt.text
        assert '"contact": ["..."], "spatial": ["..."], "attention": "..."' in prompt.text
        assert ("476 wide and 280 high" in prompt.text) == (box_frame == "resized_pixels")
        assert "{{" not in prompt.text and "{%" not in prompt.text
        if task != "predcls":
            assert ", ".join(VOCABULARY.objects[1:]) in prompt.text


def test_predcls_gives_each_pairs_boxes_in_the_models_coordinates():
    first, second = prompts("predcls", "resized_pixels")
    assert (first.pair, second.pair) == ((0, 1), (0, 2))
    # x by 476 / 480, y by 280 / 270.
    assert "person is in the box [99, 52, 198, 259]" in first.text
    assert "the bed is in the box [5, 156, 397, 275]" in first.text
    assert "the chair is in the box [298, 93, 416, 270]" in second.text
    assert "[208, 185, 417, 926]" in prompts("predcls")[0].text


def test_sgcls_tells_no_class():
    given = prompts("sgcls")[0]
    assert given.rows == (1, 0, 2)  # from left to right
    assert "1. [10, 556, 833, 981]\n2. [208, 185, 417, 926]" in given.text
    for classes in [(0, 7, 2), (7, 0, 2), (0, 35, 35)]:
        assert prompts("sgcls", classes=classes)[0].text == given.text
    # Nor does the order of the annotations.
    turned = record()
    turned["annotations"].reverse()
    made = build_prompts("sgcls", turned, METADATA, box_frame="norm1000", processed_size=(1, 1))
    assert made[0].text == given.text and made[0].rows == (1, 2, 0)


def test_the_sgcls_form_says_of_no_box_what_is_in_it():
    form = prompts("sgcls")[0].text.splitlines()[-1]
    assert not re.search(r"\d|person", form)


def test_sgdet_needs_no_annotation():
    bare = {k: v for k, v in record().items() if k in ("image_id", "width", "height")}
    made = build_prompts("sgdet", bare, METADATA, box_frame="norm1000", processed_size=(1, 1))
    assert made == prompts("sgdet") or made[0].text == prompts("sgdet")[0].text


def test_the_hash_is_of_the_text():
    one, other = prompts("predcls")
    assert one.hash == prompts("predcls")[0].hash != other.hash
    assert len(one.hash) == 16


def test_an_unknown_task_is_named():
    with pytest.raises(ValueError, match="'predcl'; did you mean predcls"):
        build_prompts("predcl", record(), METADATA, box_frame="norm1000", processed_size=(1, 1))
