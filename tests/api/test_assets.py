import io
import json

import numpy as np
import pytest

from apiworld import MODEL, PROBES, World, zip_of
from holdfast_db.queries import get_audit

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


def test_weights_are_a_model_only_with_an_architecture(world: World) -> None:
    """A state_dict is a zip of pickles; which network it belongs to only its owner knows."""
    sent = world.put(zip_of(**{"weights/data_pkl": b"x", "weights/version": b"3"}))
    assert sent.status_code == 201, sent.text
    body = {"name": "net", "upload_id": sent.json()["id"]}
    answer = world.client.post("/v1/models", json=body)
    assert (answer.status_code, answer.json()["code"]) == (415, "pickle_refused")
    answer = world.client.post("/v1/models", json={**body, "architecture": "keras/resnet"})
    assert (answer.status_code, answer.json()["code"]) == (422, "architecture_unavailable")
    made = world.client.post("/v1/models", json={**body, "architecture": "timm/resnet18"})
    assert (made.status_code, made.json()["format"]) == (201, "state_dict")
    assert made.json()["architecture"] == "timm/resnet18"
    again = world.client.post("/v1/models", json={**body, "architecture": "timm/resnet50"})
    assert (again.status_code, again.json()["code"]) == (409, "name_taken")


@pytest.mark.parametrize(
    ("plan", "named"), [({}, "timm/resnet18"), ({"architecture": "timm/vit"}, "timm/vit")]
)
def test_an_audit_knows_the_architecture_of_its_model(
    world: World, plan: dict[str, str], named: str
) -> None:
    model_id = world.model(name="weights", architecture="timm/resnet18")
    audit_id = world.audit(model_id=model_id, plan=plan)
    with world.parts.db.reading() as session:
        row = get_audit(session, audit_id)
    assert row is not None
    assert json.loads(row.plan)["architecture"] == named


def test_a_probe_set_knows_how_many_images_it_seems_to_hold(world: World) -> None:
    array = io.BytesIO()
    np.savez(array, images=np.zeros((7, 4, 4, 3), np.uint8), labels=np.zeros(7, np.int64))
    packed = io.BytesIO()
    np.savez_compressed(packed, images=np.zeros((7, 4, 4, 3), np.uint8))
    named = zip_of(a_png=b"1", b_jpg=b"2", labels_csv=b"a.png,1")
    counts = []
    for i, data in enumerate((named, array.getvalue(), packed.getvalue())):
        url = f"/v1/probe-sets/{world.probe_set(data, name=str(i))}"
        counts.append(world.client.get(url).json()["images"])
    assert counts == [2, 7, 7]
