"""Data as people have them: without labels, with broken images, with labels that do not fit."""

from pathlib import Path

import numpy as np
import pytest

import toys
from auditing import measured, plan_of, run
from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed
from toy_probes import class_folders, flat, noise, npz, png, unpack, zip_of

PLAN = plan_of(shifts_px=[[1, 0]])
MODEL = toys.linear()
IMAGES = noise(8, 8, 8, 3)


def _refusal(probes: Path, model: bytes = MODEL) -> HoldfastError:
    with pytest.raises(HoldfastError) as raised:
        run(model, probes, PLAN)
    return raised.value


def test_without_labels_accuracy_is_absent_and_says_why(tmp_path: Path) -> None:
    result = run(MODEL, flat(tmp_path / "p.zip", IMAGES), PLAN).result
    for name in ("accuracy", "translation.accuracy", "translation.robust_accuracy"):
        assert measured(result, name).outcome == "not_applicable"
        assert measured(result, name).value is None
        assert measured(result, name).sentence == "the images have no labels"
    assert measured(result, "translation.consistency").outcome == "measured"
    assert [cell.accuracy for cell in result.cells] == [None]
    assert result.probes.n_labelled == 0


def test_one_class_folder_is_enough(tmp_path: Path) -> None:
    result = run(MODEL, class_folders(tmp_path / "p.zip", {"cat": IMAGES}), PLAN).result
    assert result.probes.n_labelled == 8
    assert measured(result, "accuracy").n_images == 8


def test_class_names_are_told_when_there_is_one_per_output(tmp_path: Path) -> None:
    names = dict.fromkeys(("e", "d", "c", "b", "a"), IMAGES[:1])
    result = run(MODEL, class_folders(tmp_path / "p.zip", names), PLAN).result
    assert result.probes.class_names == ("a", "b", "c", "d", "e")
    fewer = run(MODEL, class_folders(tmp_path / "q.zip", {"a": IMAGES, "b": IMAGES}), PLAN).result
    assert fewer.probes.class_names == ()


def test_a_folder_a_zip_and_an_npz_of_the_same_images_agree(tmp_path: Path) -> None:
    archive = flat(tmp_path / "p.zip", IMAGES, [0, 1, 2, 3, 4, 0, 1, 2])
    results = [run(MODEL, archive, PLAN).result]
    with packed(unpack(archive, tmp_path / "folder")) as again:
        results.append(run(MODEL, again, PLAN).result)
    results.append(
        run(MODEL, npz(tmp_path / "p.npz", IMAGES, [0, 1, 2, 3, 4, 0, 1, 2]), PLAN).result
    )
    assert results[0].measurements == results[1].measurements == results[2].measurements
    assert results[0].cells == results[1].cells == results[2].cells
    digests = [result.provenance.probes_digest for result in results]
    assert digests[0] == digests[1] != digests[2]


def _with_broken(path: Path, good: int, broken: int) -> Path:
    members = [(f"{n:03}.png", png(pixels)) for n, pixels in enumerate(noise(good, 8, 8, 3))]
    bad = [(f"b{n:03}.png", b"not an image") for n in range(broken)]
    return zip_of(path, [*members, *bad])


def test_a_broken_image_is_skipped_and_listed(tmp_path: Path) -> None:
    result = run(MODEL, _with_broken(tmp_path / "p.zip", 19, 1), PLAN).result
    assert [(skip.probe, skip.code) for skip in result.probes.skipped] == [
        ("b000.png", "bad_image")
    ]
    assert (result.probes.n_given, result.probes.n_used) == (20, 19)
    assert "skipped_images" in [finding.id for finding in result.findings]
    assert measured(result, "translation.consistency").n_images == 19


def test_more_than_five_percent_broken_images_are_too_many(tmp_path: Path) -> None:
    error = _refusal(_with_broken(tmp_path / "p.zip", 36, 2))
    assert error.code == "too_many_bad_images"
    assert "of 38 images" in error.sentence
    assert "bad_image" in error.sentence


def test_labels_that_the_model_cannot_give_are_refused(tmp_path: Path) -> None:
    error = _refusal(flat(tmp_path / "p.zip", IMAGES, [0, 1, 2, 3, 4, 5, 0, 0]))
    assert error.code == "labels_mismatch"
    assert "label 5 needs more than its 5 outputs" in error.sentence


def test_a_wrong_label_beyond_the_first_images_is_found_too(tmp_path: Path) -> None:
    labels = [0] * 200
    labels[150] = 99
    probes = flat(tmp_path / "p.zip", noise(200, 8, 8, 3), labels)
    assert _refusal(probes).code == "labels_mismatch"


@pytest.mark.parametrize(
    ("members", "code"),
    [
        ([], "empty_archive"),
        ([("a.png", png(IMAGES[0]))], "too_few_images"),
        ([("a.txt", b"x")], "unsupported_file"),
        ([("../a.png", png(IMAGES[0]))], "unsafe_name"),
        ([("a.png", png(IMAGES[0])), ("labels.csv", b"file,label\nb.png,0")], "invalid_labels"),
    ],
)
def test_archives_that_cannot_be_audited_say_why(
    tmp_path: Path, members: list[tuple[str, bytes]], code: str
) -> None:
    assert _refusal(zip_of(tmp_path / "p.zip", members)).code == code


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "p.zip").write_text("not a zip")
    assert _refusal(tmp_path / "p.zip").code == "not_a_zip"
    (tmp_path / "p.zip").write_bytes(b"")
    assert _refusal(tmp_path / "p.zip").code == "empty_file"


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_grey_and_colour_images_go_into_either_model(tmp_path: Path, kind: str) -> None:
    images = IMAGES if kind == "colour" else IMAGES[..., 0]
    probes = flat(tmp_path / "p.zip", images)
    for channels in (1, 3):
        result = run(toys.linear(channels=channels), probes, PLAN).result
        assert result.probes.n_used == 8
        expected = "grey" if channels == 1 else "rgb"
        assert result.provenance.normalisation.order == expected


def test_images_of_many_sizes_are_audited_together(tmp_path: Path) -> None:
    sizes = [(110, 140), (200, 110), (97, 97), (300, 301)]
    images = [noise(1, *size, seed=n)[0] for n, size in enumerate(sizes)]
    model = toys.mean_pixel(size=(96, 96))
    plan = plan_of(shifts_px=[[7, 0], [40, 0]], angles_deg=[10])
    result = run(model, flat(tmp_path / "p.zip", images), plan).result
    assert result.provenance.canvas_px is None
    assert result.cells[0].fill_share == 0
    # wide canvases give 40 px of real content, narrow ones do not
    assert 0 < result.cells[1].fill_share < 40 / 96
    assert result.cells[2].drift is not None
    assert np.isfinite(result.cells[2].drift)
