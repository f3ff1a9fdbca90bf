import pytest
import torch

from vost_sgg.config import get_vost_cfg
from vost_sgg.modeling.class_embedding import FixedClassEmbedding, build_class_embedding


def test_an_unfilled_table_is_an_error_and_a_filled_one_travels_in_the_state_dict():
    table = torch.randn(5, 3)
    embedding = FixedClassEmbedding(5, 3)
    with pytest.raises(RuntimeError, match="MODEL.CLASS_EMBEDDING.PATH"):
        embedding(torch.tensor([0]))
    embedding.fill(table)
    copy = FixedClassEmbedding(5, 3)
    copy.load_state_dict(embedding.state_dict())
    assert torch.equal(copy(torch.tensor([[4, 1]])), table[[4, 1]][None])


def test_a_table_of_another_width_is_refused():
    with pytest.raises(ValueError, match="MODEL.CLASS_EMBEDDING.DIM"):
        FixedClassEmbedding(5, 3).fill(torch.zeros(5, 4))


def test_an_unknown_source_is_named():
    with pytest.raises(ValueError, match="'word2vec'; choose one of glove, clip, learned"):
        build_class_embedding(get_vost_cfg(opts=["MODEL.CLASS_EMBEDDING.SOURCE", "word2vec"]))
