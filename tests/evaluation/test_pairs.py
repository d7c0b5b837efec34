"""Pair lists are read in all their forms, and a bad line is named by its number."""

from __future__ import annotations

import pytest

from facesearch.errors import ConfigError
from facesearch.evaluation.pairs import read_pairs


@pytest.fixture
def images(tmp_path):
    """Empty files in LFW's naming: three photos each of Ada, Bob and Cyd."""
    for name in ("Ada", "Bob", "Cyd"):
        for number in (1, 2, 3):
            path = tmp_path / "lfw" / name / f"{name}_{number:04d}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()
    return tmp_path / "lfw"


def written(images, text, name="pairs.txt"):
    """A list of pairs beside the photos."""
    file = images.parent / name
    file.write_text(text)
    return file


def test_ten_folds_form(images):
    """The header's folds are kept: pairs of one person, then of two, fold by fold."""
    text = "2\t1\nAda\t1\t2\nAda\t1\tBob\t2\n\nBob\t2\t3\nCyd\t3\tBob\t1\n"
    found = read_pairs(written(images, text), images)
    assert found.given
    assert found.folds == (0, 0, 1, 1)
    assert [pair.same for pair in found.pairs] == [True, False, True, False]
    last = found.pairs[-1]
    assert (last.a.name, last.b.name, last.person_a, last.person_b) == ("Cyd_0003.jpg", "Bob_0001.jpg", "Cyd", "Bob")


def test_one_list_form_is_split_by_person(images):
    """Without folds in the header, pairs that share a person are in one fold."""
    (images / "Dan_0001.jpg").touch()
    found = read_pairs(written(images, "2\nAda 1 2\nBob 1 2\nAda 1 Cyd 2\nDan 1 Bob 1\n"), images)
    assert not found.given
    assert found.folds[0] == found.folds[2] != found.folds[1] == found.folds[3]
    assert min(found.folds) >= 0


def test_photos_with_other_suffixes_and_without_folders(images):
    """A photo may have any photo's suffix, and lie beside the others without a folder of its own."""
    (images / "Ada" / "Ada_0001.jpg").rename(images / "Ada" / "Ada_0001.PNG")
    (images / "Dan_0001.webp").touch()
    found = read_pairs(written(images, "1\nAda\t1\t2\nAda\t1\tDan\t1\n"), images).pairs[1]
    assert (found.a.name, found.b.name) == ("Ada_0001.PNG", "Dan_0001.webp")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "is empty"),
        ("ten\nAda\t1\t2\n", "line 1: expected the number of folds"),
        ("0\n", "line 1: expected the number of folds"),
        ("1\nAda\t1\t2\n", "line 2: the first line promises 2 × 1 = 2 pairs, there are 1"),
        ("1\t1\nAda\t1\t2\nAda\t1\tBob\t1\nAda\t1\t3\n", "line 4: the first line promises 1 × 2 × 1 = 2 pairs"),
        ("1\nAda\t1\tBob\t2\nAda\t1\t2\n", "line 2: expected a pair of one person"),
        ("1\nAda\t1\t2\n\nAda\t1\t3\n", "line 4: expected a pair of two people"),
        ("1\nAda\t1\ttwo\nAda\t1\tBob\t2\n", "line 2: expected photos by their numbers"),
        ("1\nAda\t1\t1\nAda\t1\tBob\t2\n", "line 2: a photo is paired with itself"),
        ("1\nAda\t1\t2\nAda\t1\tAda\t2\n", "line 3: both photos are of one person"),
        ("1\nAda\t1\t9\nAda\t1\tBob\t2\n", "line 2: no photo Ada_0009"),
    ],
)
def test_malformed_lists_name_the_line(images, text, words):
    """What is wrong with an LFW list is said with the number of its line."""
    with pytest.raises(ConfigError, match=words):
        read_pairs(written(images, text), images)


def test_csv_with_folders(images):
    """A CSV may have headings and any label; folders that agree with the labels are the people."""
    text = "a,b,label\nAda/Ada_0001.jpg, Ada/Ada_0002.jpg, same\nAda/Ada_0003.jpg,Bob/Bob_0001.jpg,0\n"
    found = read_pairs(written(images, text, "list.csv"), images)
    assert [(pair.same, pair.person_a == pair.person_b) for pair in found.pairs] == [(True, True), (False, False)]
    assert found.pairs[0].person_a == found.pairs[1].person_a


def test_csv_of_a_flat_folder(images):
    """Without folders, photos linked by "same" are one person; paths may be relative to the CSV."""
    for name in ("one", "two", "three", "four"):
        (images.parent / f"{name}.jpg").touch()
    text = "one.jpg,two.jpg,1\ntwo.jpg,three.jpg,TRUE\nthree.jpg,four.jpg,different\n"
    found = read_pairs(written(images, text, "list.csv"), images).pairs
    assert found[0].person_a == found[2].person_a != found[2].person_b


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("a,b,label\n", "names no pairs"),
        ("Ada/Ada_0001.jpg,Ada/Ada_0002.jpg,maybe\n", "line 1: expected a,b,label"),
        ("a,b,label\nAda/Ada_0001.jpg,Ada/Ada_0002.jpg\n", "line 2: expected a,b,label"),
        ("a,b,label\n\nAda/Ada_0001.jpg,Zoe.jpg,1\n", "line 3: no photo 'Zoe.jpg'"),
        ("Ada/Ada_0001.jpg,Ada/Ada_0001.jpg,1\n", "line 1: a photo is paired with itself"),
    ],
)
def test_malformed_csv_names_the_line(images, text, words):
    """What is wrong with a CSV is said with the number of its line."""
    with pytest.raises(ConfigError, match=words):
        read_pairs(written(images, text, "list.csv"), images)


def test_missing_and_binary_files(images, tmp_path):
    """A list that is missing or no text, and photos that are no folder, are clear errors."""
    with pytest.raises(ConfigError, match="cannot read"):
        read_pairs(tmp_path / "none.txt", images)
    (tmp_path / "photo.txt").write_bytes(b"\xff\xd8\xff\xe0")
    with pytest.raises(ConfigError, match="not a text file"):
        read_pairs(tmp_path / "photo.txt", images)
    with pytest.raises(ConfigError, match="not a folder"):
        read_pairs(tmp_path / "photo.txt", tmp_path / "none")
