"""The report card: one page that needs nothing else, and says what the numbers say."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from facesearch.gallery.people_summary import FalseNames, PersonSummary
from facesearch.report.album import report_album
from facesearch.report.document import album_document
from facesearch.report.rates import false_rate, miss_rate, percent
from facesearch.testing import paint
from facesearch.types import Box, Person

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow

SCRIPT = "<script>alert('&\"')</script>"
RED, GREEN, BLUE = (220, 40, 40), (40, 220, 40), (40, 40, 220)


class Reader(HTMLParser):
    """What a browser would make of a page: tags with attributes, headings' levels and all text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        """Keep a tag."""
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        """Keep a text."""
        self.words.append(data)

    @property
    def text(self) -> str:
        """All text, spaces made one."""
        return " ".join(" ".join(self.words).split())

    def all(self, *names: str) -> list[dict[str, str | None]]:
        """The attributes of every tag of these names."""
        return [attributes for tag, attributes in self.tags if tag in names]


@pytest.fixture
def painted(gallery, tmp_path):
    """A gallery with painted people: two with names, one of them as bad as can be, and one without."""
    folder = tmp_path / "photos"
    for number, colour in enumerate([RED, RED, RED, GREEN, BLUE, BLUE]):
        path = folder / f"{number}.png"
        path.parent.mkdir(exist_ok=True)
        Image.fromarray(paint([(Box(20, 60, 90, 130), colour)], width=320 + 10 * number)).save(path)
    gallery.index(folder)
    gallery.enrol(SCRIPT, *(folder / f"{number}.png" for number in range(3)))
    gallery.enrol("Bob", folder / "3.png")
    return gallery, folder


def written(gallery, tmp_path, **options) -> tuple[Reader, str]:
    """The page of a gallery, read."""
    target = tmp_path / "album.html"
    report_album(gallery, target, **options)
    page = target.read_text()
    return Reader(page), page


def test_the_page_needs_nothing_else(painted, tmp_path):
    """All pictures are inside, and there is no script, link, frame, form or address of anything outside."""
    reader, _ = written(painted[0], tmp_path)
    assert reader.all("script", "link", "iframe", "object", "embed", "form", "base") == []
    images = reader.all("img")
    assert len(images) >= 4
    assert all((image["src"] or "").startswith("data:image/webp;base64,") for image in images)
    assert all((anchor["href"] or "").startswith("#") for anchor in reader.all("a"))
    assert not any(name.startswith("on") for _, attributes in reader.tags for name in attributes)


def test_names_are_text(painted, tmp_path):
    """A name with HTML in it is shown as it is written, in text and in the descriptions of pictures."""
    reader, page = written(painted[0], tmp_path)
    assert "<script>alert" not in page
    assert SCRIPT in reader.text
    assert any(SCRIPT in (image["alt"] or "") for image in reader.all("img"))


def test_it_can_be_read_without_looking(painted, tmp_path):
    """Pictures have descriptions, tables headers with scope, headings go down one level at a time, ids are unique."""
    reader, _ = written(painted[0], tmp_path)
    assert all(image.get("alt") for image in reader.all("img"))
    assert all(head.get("scope") in {"col", "row"} for head in reader.all("th"))
    levels = [int(tag[1]) for tag, _ in reader.tags if tag in {"h1", "h2", "h3", "h4"}]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    ids = [attributes["id"] for _, attributes in reader.tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert {(anchor["href"] or "#")[1:] for anchor in reader.all("a")} <= set(ids)
    assert {attributes["aria-labelledby"] for attributes in reader.all("section")} <= set(ids)
    assert reader.all("html")[0]["lang"] == "en"


def test_it_says_that_it_is_private(painted, tmp_path):
    """The page warns that it holds faces and names."""
    reader, _ = written(painted[0], tmp_path)
    assert "biometric" in reader.text
    assert "facesearch forget" in reader.text


def test_what_it_says(painted, tmp_path):
    """Counts, thin people and the next commands are on the page."""
    painted[0].cluster()
    reader, _ = written(painted[0], tmp_path, where=" --gallery g")
    assert "only 1 photo: add 2 more, of other days" in reader.text
    assert 'facesearch name 1 "…" --gallery g' in reader.text
    assert "facesearch enrol Bob PHOTO --gallery g" in reader.text
    assert "unnamed faces 2" in reader.text


def test_photos_that_are_gone_are_grey(painted, tmp_path):
    """Where a file is gone, is no picture any more, or holds a smaller one, the page is written all the same."""
    gallery, folder = painted
    (folder / "0.png").unlink()
    (folder / "1.png").write_bytes(b"no picture")
    Image.fromarray(np.full((8, 8, 3), 90, np.uint8)).save(folder / "2.png")
    done = report_album(gallery, tmp_path / "album.html")
    assert done.pictures == 4
    assert done.size == (tmp_path / "album.html").stat().st_size


def test_fewer_people_with_pictures(painted, tmp_path):
    """With a limit, those who need a look come first, everybody is in the table, and the page says so."""
    reader, _ = written(painted[0], tmp_path, limit=1)
    assert [card["id"] for card in reader.all("article") if "id" in card] == ["person-1"]
    assert len(reader.all("th")) == 8 + 2
    assert "Pictures of the 1 who" in reader.text


def test_progress_is_told(painted, tmp_path):
    """Whoever waits sees pictures done and to do, from none to all."""
    seen: list[tuple[int, int]] = []
    report_album(painted[0], tmp_path / "a.html", progress=lambda done, total, path: seen.append((done, total)))
    assert seen == [(done, seen[0][1]) for done in range(seen[0][1] + 1)]


def test_numbers_without_a_page(painted):
    """Without a file nothing is drawn, and the document is plain JSON with all numbers."""
    done = report_album(painted[0], None)
    assert (done.page, done.size, done.pictures) == (None, 0, 0)
    document = json.loads(json.dumps(album_document(done)))
    assert (document["page"], document["faces"], document["enrolled"], document["unnamed"]) == (None, 6, 4, 2)
    assert {one["name"] for one in document["people"]} == {"Bob", SCRIPT}
    bob = next(one for one in document["people"] if one["name"] == "Bob")
    assert bob["missed"] == {"rate": None, "interval": None, "asked": 0, "missed": 0}
    assert document["next"][-1]["command"].startswith("facesearch enrol")


def person(*, asked: int, found: int, others: int = 20, share: float = 0.0) -> PersonSummary:
    """A person with these counts."""
    false = FalseNames(named=round(share * 100), asked=100, people=1, others=others, share=share)
    return PersonSummary(
        Person("id", "Ada", 9, 9), asked, None, None, None, asked, found, (), false, 0, None, (), (), 0
    )


def test_no_rate_from_too_few():
    """With fewer than five shots or other people, there are counts but no rate."""
    for asked in (0, 1, 4):
        rate = miss_rate(person(asked=asked, found=asked))
        assert rate.share is rate.low is rate.high is None
        assert "%" not in rate.text
    assert "too few to say" in miss_rate(person(asked=4, found=3)).text
    assert false_rate(person(asked=5, found=5, others=4)).share is None
    assert false_rate(person(asked=5, found=5, others=0)).brief == "–"


def test_every_rate_has_its_interval():
    """A rate lies within its interval, which is narrower with more shots."""
    few, many = miss_rate(person(asked=10, found=9)), miss_rate(person(asked=100, found=90))
    assert few.share == many.share == pytest.approx(0.1)
    assert few.low < many.low < 0.1 < many.high < few.high
    assert many.text == "10 % (5.5 to 17 %); 10 of 100 shots not recognised by the others"
    none = miss_rate(person(asked=10, found=10))
    assert (none.share, none.low) == (0, 0)
    assert none.text.startswith("0 % (0 to 28 %)")
    assert none.high == pytest.approx(0.278, abs=0.001)
    false = false_rate(person(asked=5, found=5, share=0.02))
    assert false.low < 0.02 < false.high


@pytest.mark.parametrize(
    ("share", "said"),
    [(0, "0 %"), (0.0004, "< 0.1 %"), (0.0123, "1.2 %"), (0.02, "2 %"), (0.125, "12 %"), (1, "100 %")],
)
def test_percent(share, said):
    """Small shares are told more precisely."""
    assert percent(share) == said


def test_the_page_of_the_sample(sample_copy, tmp_path):
    """The report of the 93 sample photos has six faces of each person and stays below 150 kB."""
    done = report_album(sample_copy, tmp_path / "album.html")
    assert done.size < 150_000
    reader = Reader(Path(tmp_path / "album.html").read_text())
    assert len([card for card in reader.all("article") if "id" in card]) == 5
    assert done.pictures >= 30
    assert "Nobody is within the threshold of somebody else" in reader.text
