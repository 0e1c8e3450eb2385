from apiworld import World
from holdfast_db.presence import SignOfLife, say_alive


def test_workers_and_what_they_do(world: World) -> None:
    with world.parts.db.transaction() as session:
        say_alive(session, SignOfLife("here", "boot", ("gpu",), {"mode": "required"}, 2, "A card"))
    (idle,) = world.client.get("/v1/workers").json()["items"]
    assert (idle["hostname"], idle["queues"], idle["fresh"]) == ("here", ["gpu"], True)
    assert (idle["slots"], idle["gpu"]) == (2, "A card")
    assert (idle["shards"], idle["sandbox"]) == ([], {"mode": "required"})
    audit_id = world.audit()
    claim = world.claim()
    (busy,) = world.client.get("/v1/workers").json()["items"]
    (shard,) = busy["shards"]
    assert (shard["shard_id"], shard["audit_id"], shard["attempt"]) == (claim.shard_id, audit_id, 1)
