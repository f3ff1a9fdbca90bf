import open_clip
import pytest
import torch
from safetensors.torch import save_file

from vost_sgg.config import get_vost_cfg
from vost_sgg.data.vocabulary import OBJECT_CLASSES
from vost_sgg.engine.class_embeddings import fill_class_embeddings, glove_table
from vost_sgg.modeling.query_initializers import PairPriorQueries


@pytest.fixture
def glove_file(tmp_path):
    """A GloVe text file of every word of the vocabulary: word i is i everywhere, and a word that no class has."""
    words = [word for name in OBJECT_CLASSES for word in name.split("/")]
    path = tmp_path / "glove.txt"
    lines = ["zebra 9 9 9", *(f"{word} {i} {i} {i}" for i, word in enumerate(words))]
    path.write_text("\n".join(lines) + "\n")
    return str(path), words


def queries(source, path, dim):
    key = "MODEL.CLASS_EMBEDDING"
    cfg = get_vost_cfg(opts=[f"{key}.SOURCE", source, f"{key}.PATH", path, f"{key}.DIM", dim])
    return PairPriorQueries(cfg), cfg


def test_a_class_of_several_words_gets_their_mean(glove_file):
    path, words = glove_file
    table = glove_table(path, ["person", "cup/glass/bottle"])
    mean = sum(words.index(word) for word in ("cup", "glass", "bottle")) / 3
    assert table.tolist() == [[words.index("person")] * 3, [mean] * 3]


def test_training_fills_the_table_once(glove_file):
    model, cfg = queries("glove", glove_file[0], 3)
    fill_class_embeddings(model, cfg)
    assert torch.equal(model.class_embedding.weight, glove_table(glove_file[0], OBJECT_CLASSES))
    model.class_embedding.weight.fill_(5.0)  # as if a checkpoint had brought it
    fill_class_embeddings(model, cfg)
    assert (model.class_embedding.weight == 5).all()


def test_clip_text_embeddings_come_from_a_local_file(tmp_path):
    path = str(tmp_path / "clip.safetensors")
    torch.manual_seed(0)
    save_file(open_clip.create_model("RN50-quickgelu").state_dict(), path)
    model, cfg = queries("clip", path, 1024)
    cfg.MODEL.CLASS_EMBEDDING.CLIP_MODEL = "RN50-quickgelu"
    fill_class_embeddings(model, cfg)
    table = model.class_embedding.weight
    torch.testing.assert_close(table.norm(dim=1), torch.ones(36))
    assert torch.linalg.matrix_rank(table) == 36


@pytest.mark.parametrize(
    ("path", "error", "message"),
    [
        (
            "",
            ValueError,
            "MODEL.CLASS_EMBEDDING.PATH is not set: name the file of glove.6B.200d.txt",
        ),
        ("nowhere.txt", FileNotFoundError, "there is no file nowhere.txt"),
    ],
)
def test_a_missing_file_is_said(path, error, message):
    model, cfg = queries("glove", path, 3)
    with pytest.raises(error, match=message):
        fill_class_embeddings(model, cfg)


def test_a_file_without_a_class_names_it(tmp_path):
    path = tmp_path / "glove.txt"
    path.write_text("person 1 2\n")
    with pytest.raises(ValueError, match="no word of the class 'bag'"):
        glove_table(str(path), OBJECT_CLASSES)
