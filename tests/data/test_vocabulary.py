import pytest
from detectron2.data import Metadata

from tests.data.ag_fixture import OBJECTS, PREDICATES
from vost_sgg.data.vocabulary import (
    OBJECT_CLASSES,
    OBJECT_IDS,
    PREDICATE_CLASSES,
    PREDICATE_IDS,
    check_class_file,
    set_metadata,
)


def test_the_order_is_action_genomes():
    assert list(OBJECT_CLASSES) == OBJECTS and len(OBJECTS) == 36
    assert list(PREDICATE_CLASSES) == PREDICATES and len(PREDICATES) == 26


@pytest.mark.parametrize("name", ["closet/cabinet", "closetcabinet", "closet_cabinet"])
def test_object_names_in_every_spelling(name):
    assert OBJECT_IDS[name] == 8


@pytest.mark.parametrize("name", ["have_it_on_the_back", "haveitontheback", "have it on the back"])
def test_predicate_names_in_every_spelling(name):
    assert PREDICATE_IDS["contacting"][name] == 13


def test_an_unknown_name_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown object class 'chairs'; did you mean chair"):
        OBJECT_IDS["chairs"]


def test_a_predicate_of_another_group_is_unknown():
    with pytest.raises(ValueError, match="unknown spatial predicate 'holding'"):
        PREDICATE_IDS["spatial"]["holding"]


def test_a_class_file_in_another_order_names_the_line(tmp_path):
    path = tmp_path / "object_classes.txt"
    path.write_text("\n".join([OBJECTS[0], OBJECTS[2], OBJECTS[1], *OBJECTS[3:]]))
    with pytest.raises(ValueError, match=r"object_classes.txt, line 2: 'bed' where .* has 'bag'"):
        check_class_file(str(path), OBJECT_CLASSES)


def test_a_class_file_cut_short_names_both_counts(tmp_path):
    path = tmp_path / "relationship_classes.txt"
    path.write_text("\n".join(PREDICATES[:20]))
    with pytest.raises(ValueError, match="has 20 lines, Action Genome v1.0 has 26"):
        check_class_file(str(path), PREDICATE_CLASSES)


def test_metadata_lists_the_classes():
    metadata = Metadata(name="any")
    set_metadata(metadata)
    assert metadata.thing_classes == OBJECTS
    groups = metadata.attention_classes, metadata.spatial_classes, metadata.contacting_classes
    assert sum(groups, []) == metadata.predicate_classes == PREDICATES
