"""What TF_CONFIG says, and what is refused in it."""

import json
import socket

import pytest
from processes import free_ports, modules_after

from edgehybrid.errors import UsageError
from edgehybrid.training.cluster import Cluster, cluster_of_environment


def tf_config(*workers: object, index: int = 0, **more: object) -> str:
    return json.dumps({"cluster": {"worker": workers}, "task": {"type": "worker", "index": index}, **more})


def test_reads_the_workers_and_the_place_among_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("host0:2222", "10.0.0.1:65535", "[::1]:1", index=2, rpc_layer="grpc"))
    found = cluster_of_environment()
    assert found == Cluster(2, (("host0", 2222), ("10.0.0.1", 65535), ("::1", 1)))
    assert (found.workers, found.name_of(0)) == (3, "worker 0 (host0:2222)")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{",
        "[]",
        '{"cluster": {"worker": []}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": "a:1"}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": true}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": -1}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": "0"}}',
        '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", "index": 1' + 5000 * "0" + "}}",
        100_000 * "[",
    ],
    ids=lambda text: text[:60],
)
def test_refuses_a_cluster_without_a_place_for_this_worker(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", text)
    with pytest.raises(UsageError, match="TF_CONFIG does not say which worker") as caught:
        cluster_of_environment()
    assert caught.value.received == (text or "nothing")


@pytest.mark.parametrize(
    "address",
    [
        "a",
        "a:b",
        "a:0",
        "a:65536",
        "a:123456",
        "http://a:1",
        "grpc://a:1",
        "a:1/b",
        "user@a:1",
        ":1",
        " a:1",
        "a :1",
        1,
        None,
    ],
)
def test_refuses_what_is_no_address(address: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("first:1", address))
    with pytest.raises(UsageError, match="is no address") as caught:
        cluster_of_environment()
    assert "a port from 1 to 65535" in (caught.value.allowed or "")


def test_refuses_two_workers_with_one_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1", "b:1", "a:1"))
    with pytest.raises(UsageError, match="the same address") as caught:
        cluster_of_environment()
    assert caught.value.received == "a:1"


@pytest.mark.parametrize(
    ("one", "other"), [("Board:1", "board:1"), ("localhost:1", "127.0.0.1:1"), ("[::1]:1", "LOCALHOST:01")]
)
def test_refuses_one_address_in_two_forms(one: str, other: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config(one, other))
    with pytest.raises(UsageError, match="the same address"):
        cluster_of_environment()


@pytest.mark.parametrize("job", ["chief", "ps", "evaluator"])
def test_refuses_machines_that_are_no_workers(job: str, monkeypatch: pytest.MonkeyPatch) -> None:
    config = {"cluster": {"worker": ["a:1", "b:1"], job: ["c:1"]}, "task": {"type": "worker", "index": 0}}
    monkeypatch.setenv("TF_CONFIG", json.dumps(config))
    with pytest.raises(UsageError, match="are no workers") as caught:
        cluster_of_environment()
    assert caught.value.received == job


def test_refuses_a_worker_without_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1"))
    with pytest.raises(UsageError, match="lists one worker") as caught:
        cluster_of_environment()
    assert "--strategy workers" in (caught.value.next_step or "")


@pytest.mark.parametrize("layer", ["carrier pigeon", "", 5, False, []])
def test_refuses_an_rpc_layer_that_is_not_known(layer: object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1", "b:1", rpc_layer=layer))
    with pytest.raises(UsageError, match="rpc_layer that is not known") as caught:
        cluster_of_environment()
    assert caught.value.received == json.dumps(layer)


def test_an_rpc_layer_of_null_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TF_CONFIG", tf_config("a:1", "b:1", rpc_layer=None))
    assert cluster_of_environment().workers == 2


def test_tells_which_others_do_not_listen() -> None:
    with socket.create_server(("127.0.0.1", 0)) as there:
        (closed,) = free_ports(1)
        addresses = [("127.0.0.1", port) for port in (closed, there.getsockname()[1], closed)]
        assert Cluster(1, tuple(addresses)).unreachable() == [0, 2]
        assert Cluster(0, tuple(addresses)).unreachable() == [2]


def test_is_read_without_tensorflow() -> None:
    assert "tensorflow" not in modules_after("import edgehybrid.training.cluster, edgehybrid.training.meeting")
