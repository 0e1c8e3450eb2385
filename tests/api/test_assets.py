import pytest

from apiworld import MODEL, PROBES, World, zip_of

_KINDS = [("models", "model", MODEL), ("probe-sets", "probes", PROBES)]


@pytest.mark.parametrize(("where", "kind", "data"), _KINDS)
def test_the_same_file_under_the_same_name_is_the_same_thing(
    world: World, where: str, kind: str, data: bytes
) -> None:
    sha256 = world.put(data, kind).json()["sha256"]
    body = {"name": "x", "sha256": sha256, "project": "p"}
    first = world.client.post(f"/v1/{where}", json=body)
    again = world.client.post(f"/v1/{where}", json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    assert first.headers["Location"] == f"/v1/{where}/{first.json()['id']}"
    assert world.client.get(first.headers["Location"]).json() == first.json()
    other = world.client.post(f"/v1/{where}", json={**body, "name": "y"})
    assert other.status_code == 201


@pytest.mark.parametrize(("where", "kind", "data"), _KINDS)
def test_names_are_listed_newest_first_and_by_filter(
    world: World, where: str, kind: str, data: bytes
) -> None:
    sha256 = world.put(data, kind).json()["sha256"]
    for name, project in (("a", "p"), ("b", "p"), ("a", "q")):
        world.client.post(f"/v1/{where}", json={"name": name, "sha256": sha256, "project": project})
    listed = {
        tuple(query.items()): [
            (item["name"], item["project"])
            for item in world.client.get(f"/v1/{where}", params=query).json()["items"]
        ]
        for query in ({}, {"project": "p"}, {"name": "a"}, {"sha256": "0" * 64}, {"limit": "1"})
    }
    assert list(listed.values()) == [
        [("a", "q"), ("b", "p"), ("a", "p")],
        [("b", "p"), ("a", "p")],
        [("a", "q"), ("a", "p")],
        [],
        [("a", "q")],
    ]


def test_a_model_remembers_the_name_of_its_file(world: World) -> None:
    upload = world.announce(filename="net v2.onnx")
    world.client.put(upload["url"], content=MODEL)
    body = {"name": "net", "upload_id": upload["id"]}
    view = world.client.post("/v1/models", json=body).json()
    assert (view["filename"], view["format"], view["size_bytes"]) == ("net v2.onnx", "onnx", 64)


def test_a_probe_set_knows_its_kind_of_archive(world: World) -> None:
    probe_sets = [world.probe_set(), world.probe_set(zip_of(images_npy=b""), name="arrays")]
    kinds = [world.client.get(f"/v1/probe-sets/{one}").json()["archive"] for one in probe_sets]
    assert kinds == ["zip", "npz"]


@pytest.mark.parametrize(
    "source", [{}, {"upload_id": "x", "sha256": "0" * 64}, {"sha256": "A" * 64}]
)
def test_a_name_needs_exactly_one_source(world: World, source: dict[str, str]) -> None:
    answer = world.client.post("/v1/models", json={"name": "net", **source})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
