"""The calibration of an album, on simulated photos of people who never were."""

from dataclasses import replace

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from facesearch.errors import ConfigError, ModelError, NotFoundError
from facesearch.gallery import album
from facesearch.identify.calibration import built_in
from facesearch.store import NewAnalysis, NewPhoto
from facesearch.testing import paint, random_units
from facesearch.types import Box, Face, Landmarks, Recipe

# Many tests of some tenths of a second: `make test` runs them.
pytestmark = pytest.mark.slow


@pytest.fixture
def store(gallery):
    """The gallery's store."""
    return gallery._store


def test_an_album_of_alike_people_gets_stricter_thresholds(gallery, store, fake, fill_album):
    """Where strangers are nearer to each other than elsewhere, everything that goes by rates asks for less distance."""
    assert gallery.calibration == built_in()
    fill_album(store, fake.recipe, alike=0.5)
    found = gallery.calibrate()
    assert found.fit.high < 0
    assert found.calibration == gallery.calibration
    assert gallery.calibration.shift == found.fit.shift
    assert gallery.threshold == pytest.approx(built_in().threshold() + found.fit.shift)
    best, low, high = found.far(built_in().threshold())
    assert 1e-3 < low < best < high


def test_an_album_like_the_built_in_people_keeps_them(gallery, store, fake, fill_album):
    """Where strangers are as far apart as elsewhere, with everybody twice in some photos, the interval holds 0."""
    fill_album(store, fake.recipe, doubled=8)
    found = gallery.calibrate()
    assert found.fit.low < 0 < found.fit.high
    assert found.fit.near_photos == 8
    assert found.fit.near >= 24


def test_it_is_kept_until_it_is_reset(gallery, store, fake, fill_album, place, open_gallery):
    """A calibration is there when the gallery is opened again, and gone after a reset."""
    fill_album(store, fake.recipe, alike=0.5)
    shift = gallery.calibrate().fit.shift
    again = open_gallery(place, fake)
    assert again.calibration.shift == shift
    assert again.reset_calibration()
    assert not again.reset_calibration()
    assert again.calibration == gallery.calibration == built_in()


def test_a_refusal_changes_nothing(gallery, store, fake, fill_album):
    """Too few people who share photos are refused with their number, and the calibration that was kept stays."""
    with pytest.raises(ConfigError, match="no faces yet"):
        gallery.calibrate()
    fill_album(store, fake.recipe, people=10, photos=40)
    store.save_calibration(fake.recipe.key, '{"shift": -0.1}')
    with pytest.raises(ConfigError, match=r"39 couples of 10 people"):
        gallery.calibrate()
    assert gallery.calibration.shift == -0.1


def test_another_recipe_leaves_it_behind(gallery, store, fake, fill_album):
    """A calibration belongs to its recipe: after a move to another one it is not used, and said to be there."""
    fill_album(store, fake.recipe, alike=0.5)
    assert not gallery.calibrate().other_recipe
    fill_album(store, Recipe("other", 128, (("crop", "square"),)), seed=1)
    assert gallery.calibration == built_in()
    assert gallery.calibrate().other_recipe
    assert gallery.reset_calibration()
    assert store.calibrated() == {}


def test_what_is_stored_wrong_says_how_to_go_on(gallery, store, fake, fill_album):
    """A document that is no calibration is an error that names the way back, which works."""
    fill_album(store, fake.recipe, photos=1)
    for wrong in ("", "[]", '{"shift": null}', "{}"):
        store.save_calibration(fake.recipe.key, wrong)
        with pytest.raises(ModelError) as refused:
            gallery.calibration  # noqa: B018
        assert refused.value.hint == "facesearch calibrate --reset"
    gallery.reset_calibration()
    assert gallery.calibration == built_in()


def test_marked_photos_and_poor_faces_are_left_out(gallery, store, fake, fill_album):
    """Nothing is measured in collages, by faces that cannot be trusted, or by what is no face; they are counted."""
    owned = fill_album(store, fake.recipe)
    before = gallery.calibrate()
    store.mark(1, "collage")
    with store._engine.begin() as raw:
        raw.exec_driver_sql("UPDATE face SET quality = 0.01 WHERE photo_id = 2")
    store.reject([face.id for face in store.faces_of_photo(3)], None)
    found = gallery.calibrate()
    assert (found.marked, found.poor) == (1, 3)
    assert before.fit.photos - found.fit.photos == 3
    assert len(album.read_album(store, fake.recipe).faces) == sum(map(len, owned.values())) - 9


def test_one_person_enrolled_twice_in_a_photo_is_no_pair(gallery, store, fake, fill_album):
    """Two faces of a photo that are enrolled as one person, or lie in clusters of theirs, are not strangers."""
    owned = fill_album(store, fake.recipe, doubled=5)
    pairs, same = album.sharing(album.read_album(store, fake.recipe))
    assert same == 0
    for number, ids in owned.items():
        store.enrol(ids, store.create_person(f"person {number}").id)
    named, same = album.sharing(album.read_album(store, fake.recipe))
    assert same == 15
    assert len(pairs.distances) - len(named.distances) == 15
    assert len({*named.people.ravel().tolist()}) <= len(owned)


def test_an_enrolled_face_names_its_cluster(gallery, store, fake, fill_album):
    """Unnamed faces that are grouped with somebody's enrolled ones are that person's: one couple stays one couple."""
    owned = fill_album(store, fake.recipe)
    before, _ = album.sharing(album.read_album(store, fake.recipe))
    store.enrol(owned[0][:1], store.create_person("Ada").id)
    after, _ = album.sharing(album.read_album(store, fake.recipe))
    assert len({*after.people.ravel().tolist()}) == len({*before.people.ravel().tolist()})


def test_enrolled_people_are_genuine_pairs(gallery, store, fake, fill_album):
    """Faces of an enrolled person in different photos are pairs of one person, each person weighing the same."""
    owned = fill_album(store, fake.recipe)
    for number in (0, 1):
        store.enrol(owned[number][:4], store.create_person(f"person {number}").id)
    stranger = owned[2][0]
    store.enrol([stranger], store.find_people("person 0")[0].id)
    found = gallery.calibrate().enrolled
    assert (found.pairs, found.people) == (16, 2)
    assert found.within == pytest.approx((6 / 10 + 1) / 2)


def test_bursts_are_genuine_pairs(gallery, store, fake):
    """Faces at one place in photos of one shape that were taken within seconds are a pair; others are not."""
    points = Landmarks((24, 32), (46, 32), (35, 44), (27, 55), (43, 55))
    face = Face(Box(10, 10, 60, 70), points, 0.99, 0.9)
    elsewhere = replace(face, box=Box(200, 10, 250, 70))
    times = {
        1: ("2020-05-01T10:00:00+02:00", face, 400),
        2: ("2020-05-01T10:00:02", face, 400),
        3: ("2020-05-01T10:00:03", elsewhere, 400),
        4: ("2020-05-01T10:00:05", elsewhere, 500),
        5: ("2020-05-01T10:00:09", elsewhere, 500),
        6: (None, elsewhere, 500),
    }
    analyses = [
        NewAnalysis(NewPhoto(f"b{i}", f"p{i}", width, 200, 1, at), [one], random_units(1, 128, seed=i))
        for i, (at, one, width) in times.items()
    ]
    store.add_photos(analyses, fake.recipe)
    held = album.read_album(store, fake.recipe)
    pairs = album.bursts(held, store.photos(list(range(1, 7))))
    assert [[held.faces[row].photo_id for row in pair] for pair in pairs] == [[1, 2]]


def test_the_picture_is_light_and_shows_three_curves(gallery, store, fake, fill_album, tmp_path):
    """The picture is white, of a fixed size, and has the colours of all curves."""
    fill_album(store, fake.recipe, alike=0.5)
    found = gallery.calibrate()
    gallery.draw_calibration(found, tmp_path / "new" / "curves.png")
    with Image.open(tmp_path / "new" / "curves.png") as picture:
        assert picture.size == (960, 600)
        colours = {colour: count for count, colour in picture.getcolors(1 << 20)}
    assert max(colours, key=colours.get) == (255, 255, 255)
    for colour in ("868e96", "1c7ed6", "e8590c"):
        assert colours.get(tuple(bytes.fromhex(colour)), 0) > 50
    with pytest.raises(ConfigError, match="PNG"):
        gallery.draw_calibration(found, tmp_path / "curves.pdf")


def test_a_photo_is_marked_by_its_pixels(gallery, tmp_path):
    """A mark is found from a copy with other metadata; a photo that is not in the gallery is an error that says so."""
    picture = paint([(Box(20, 20, 90, 90), (220, 40, 40))])
    Image.fromarray(picture).save(tmp_path / "a.png")
    gallery.index(tmp_path / "a.png")
    note = PngInfo()
    note.add_text("Comment", "from a trip")
    Image.fromarray(picture).save(tmp_path / "copy.png", pnginfo=note)
    assert gallery.mark(tmp_path / "copy.png")
    assert not gallery.mark(tmp_path / "a.png", "collage")
    assert gallery._store.marked() == {1}
    assert gallery.mark(tmp_path / "a.png", None)
    Image.fromarray(paint([(Box(20, 20, 90, 90), (40, 220, 40))])).save(tmp_path / "other.png")
    with pytest.raises(NotFoundError, match="no photo") as missing:
        gallery.mark(tmp_path / "other.png")
    assert missing.value.hint.startswith("facesearch index ")


def test_a_forgotten_photo_is_marked_again(gallery, tmp_path):
    """A marked photo that was pruned and is indexed again is marked, by the journal."""
    folder = tmp_path / "photos"
    folder.mkdir()
    for number in range(6):
        square = [(Box(20, 20, 90 + number, 90), (220, 40, 40))]
        Image.fromarray(paint(square)).save(folder / f"{number}.png")
    gallery.index(folder)
    gallery.mark(folder / "0.png")
    (folder / "0.png").rename(tmp_path / "away.png")
    assert gallery.prune(folder) == 1
    assert gallery._store.marked() == set()
    gallery.index(tmp_path / "away.png")
    assert gallery._store.marked() == {gallery.faces(tmp_path / "away.png")[0].photo_id}
