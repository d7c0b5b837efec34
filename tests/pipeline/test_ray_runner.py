"""What is refused before Ray is asked for anything, and what a Ray worker may answer; Ray itself is not needed here."""

from __future__ import annotations

import socket
from importlib.util import find_spec
from multiprocessing.reduction import ForkingPickler

import pytest

from facesearch.errors import ConfigError
from facesearch.pipeline import FrontEnd, analyse_many, ray_bridge, ray_runner
from facesearch.pipeline.process import NoRoomError, NotSendableError
from facesearch.pipeline.ray_runner import RayWorker
from facesearch.testing import FakeDetector, FakeEmbedder


@pytest.fixture
def installed(monkeypatch):
    """Ray seems to be installed."""
    monkeypatch.setattr(ray_runner, "find_spec", lambda name: find_spec("os"))


def refused(tmp_path, *, alone=False, **options):
    """The error for a run by Ray."""
    front_end = FrontEnd(FakeDetector(), FakeEmbedder(), alone=alone)
    with pytest.raises(ConfigError) as caught:
        list(analyse_many(front_end, [tmp_path / "1.png"], **{"runner": "ray", **options}))
    return caught.value


def test_what_cannot_be_meant_is_refused(tmp_path):
    """An unknown runner, an address without Ray, or Ray with a card."""
    assert refused(tmp_path, runner="dask").hint == "runners: local, ray"
    assert refused(tmp_path, runner="local", address="auto").hint == "say --runner ray too"
    assert refused(tmp_path, alone=True).hint == "say --device cpu"


def test_ray_that_is_not_installed(tmp_path, monkeypatch):
    """The error names the extra that has it."""
    monkeypatch.setattr(ray_runner, "find_spec", lambda name: None)
    assert refused(tmp_path).hint == "pip install 'facesearch[ray]', here and on every node"


@pytest.mark.parametrize("address", ["head", "head:", "head:0", "head:99999", "http://head:1", "me@head:1", ":1", ""])
def test_what_is_no_address(tmp_path, installed, address):
    """Only host and port, with or without ray://, can be the address of a cluster."""
    assert refused(tmp_path, address=address).message == f"no address of a Ray cluster: {address!r}"


@pytest.mark.parametrize("form", ["127.0.0.1:{}", "ray://localhost:{}"])
def test_nobody_at_the_address(tmp_path, installed, form):
    """Where nothing listens, that is said at once."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = form.format(free.getsockname()[1])
    assert refused(tmp_path, address=address).message == f"nothing answers at {address}: Connection refused"


def test_no_photos_need_no_ray(installed):
    """Nothing in, nothing out, and nobody is asked."""
    front_end = FrontEnd(FakeDetector(), FakeEmbedder())
    assert list(analyse_many(front_end, [], runner="ray", address="127.0.0.1:1")) == []


class Crew:
    """Gives a worker one answer, or none."""

    def __init__(self, *answer):
        self.answer = answer
        self.killed = []

    def wait(self, workers, timeout):
        """All have said it."""
        for worker in workers:
            worker.inbox.extend([bytes(ForkingPickler.dumps(self.answer))] if self.answer else [])
        return [worker for worker in workers if worker.inbox]

    def order(self, verb, worker, argument):
        """Remembers who was killed."""
        self.killed += [worker.number] if verb == "kill" else []
        return True


OTHER = (("0.0.9", 1, "3.9"), "10.0.0.7")


@pytest.mark.parametrize(
    ("answer", "error", "message"),
    [
        ((), NoRoomError, "no Ray node has a processor free"),
        (("other", OTHER), ConfigError, "the Ray node 10.0.0.7 has facesearch 0.0.9, recipe revision 1, Python 3.9"),
        (("unfit", "no module mine"), NotSendableError, "cannot be unpickled on a Ray node: no module mine"),
        (("broken", "10.0.0.7: no begin"), ConfigError, "a Ray worker cannot work, 10.0.0.7: no begin"),
        (("dead", "out of memory, on 10.0.0.7"), ConfigError, r"died while it started \(out of memory, on 10.0.0.7\)"),
    ],
)
def test_a_worker_that_is_not_ready(answer, error, message):
    """No room, another version, a task that cannot be had there, death: each has its own error."""
    with pytest.raises(error, match=message):
        RayWorker(Crew(*answer), 0).await_ready()


def test_a_worker_for_which_there_is_no_room_is_wanted_no_more():
    """It must not start later, when nobody waits for it."""
    crew = Crew()
    with pytest.raises(NoRoomError):
        RayWorker(crew, 3).await_ready()
    assert crew.killed == [3]


def test_a_ray_of_our_own_is_for_this_user_alone():
    """It reports nothing, listens on the loopback interface and wants a token, another one each time."""
    one, other = (ray_bridge.environment(local=True) for _ in range(2))
    assert one["RAY_USAGE_STATS_ENABLED"] == "0"
    assert one["RAY_AUTH_MODE"] == "token"
    assert len(one["RAY_AUTH_TOKEN"]) == 64
    assert one["RAY_AUTH_TOKEN"] != other["RAY_AUTH_TOKEN"]
    assert ray_bridge.environment(local=False) == {"RAY_USAGE_STATS_ENABLED": "0"}
