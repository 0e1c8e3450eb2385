"""Real models that are too large to commit: accuracies that are known, refusals that are due.

What they are described as stands in test_shared_cards.py.
"""

import zipfile
from pathlib import Path
from typing import Any

import pytest

from auditing import measured, plan_of, run
from holdfast.errors import HoldfastError
from holdfast.probes.pack import packed

QUICK = {"shifts_px": [[4, 0]], "angles_deg": [10], "zooms": [0.9]}
# model, images, preset, limit, accuracy from .. to
KNOWN = [
    ("squeezenet1_fp16_winml.onnx", "imagenet200", "caffe", 60, 0.50, 0.80),
    ("shufflenet-v2-12-int8.onnx", "imagenet200", "imagenet", 60, 0.76, 0.95),
    ("mnist_cntk_winml.onnx", "mnist2000.npz", "byte", 400, 0.97, 1.00),
    ("mnist_model_winml.onnx", "mnist2000.npz", "unit", 400, 0.97, 1.00),
    ("cifar10_resnet20_dynbatch.pt2", "cifar10_500", "imagenet", 100, 0.70, 0.90),
]
REFUSED = {
    "mnist_onnxmodels.onnx": {"opset"},
    "squeezenet_dao_fp16_winml.onnx": {"op_not_allowed", "op_unknown"},
    "superres_prepost_op18_ortext.onnx": {"op_not_allowed", "unsupported_input"},
    "asl.ptl": {"load_failed"},
}
# not classifiers: what they are refused for, and which size they are shown when they take any
OTHERS: dict[str, tuple[set[str], dict[str, Any]]] = {
    "yolox_nano_opencvzoo.onnx": ({"unsupported_output"}, {}),
    "ultraface_rfb_320.onnx": ({"unsupported_output"}, {}),
    "yunet_n_dynamic.onnx": ({"unsupported_output"}, {"crop": 64}),
    "prisma_nchw_portrait.onnx": ({"unsupported_output"}, {}),
    "super_resolution_onnxmodels.onnx": ({"unsupported_output"}, {}),
    "model_onnx_q_stmfork.onnx": ({"unsupported_output"}, {}),
}


@pytest.fixture(scope="module")
def models(shared: Path) -> Path:
    return shared / "assets" / "models"


@pytest.fixture(scope="module")
def images(shared: Path) -> Path:
    return shared / "assets" / "images"


@pytest.mark.parametrize(("name", "data", "preset", "limit", "low", "high"), KNOWN)
def test_a_real_model_has_the_accuracy_that_is_known_of_it(
    models: Path,
    images: Path,
    *,
    name: str,
    data: str,
    preset: str,
    limit: int,
    low: float,
    high: float,
) -> None:
    with packed(images / data) as probes:
        output = run(models / name, probes, plan_of(preset, limit=limit, **QUICK))
    accuracy = measured(output.result, "accuracy").value
    assert accuracy is not None
    assert low <= accuracy <= high
    assert output.result.probes.n_used == limit
    for family in ("translation", "rotation", "scale"):
        consistency = measured(output.result, f"{family}.consistency")
        assert consistency.value is not None
        assert 0.4 < consistency.value <= 1
    assert {"constant_model", "near_chance"}.isdisjoint(f.id for f in output.result.findings)


def test_the_labels_find_the_preset_of_a_real_model(models: Path, images: Path) -> None:
    with packed(images / "cifar10_500") as probes:
        model = models / "cifar10_imageclassifier_winml.onnx"
        output = run(model, probes, plan_of("auto", limit=200))
    assert output.result.provenance.normalisation.preset == "symmetric"
    accuracy = measured(output.result, "accuracy").value
    assert accuracy is not None
    assert 0.5 < accuracy < 0.75
    assert output.result.probes.class_names[0] == "airplane"


@pytest.mark.parametrize("name", REFUSED)
def test_a_model_that_must_be_refused_is(models: Path, images: Path, name: str) -> None:
    path = models / "refuse" / name
    with pytest.raises(HoldfastError) as raised:
        run(path, images / "mnist2000.npz", plan_of(limit=8))
    assert raised.value.code in REFUSED[name]


def test_every_file_that_must_be_refused_is_in_the_table(models: Path) -> None:
    one_by_one = "mobilenet_quantized_ios_old.pt"  # not refused: see test_torchscript.py
    names = {path.name for path in (models / "refuse").iterdir()}
    assert names == {*REFUSED, one_by_one}


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_no_classifier_is_refused_clearly(models: Path, images: Path, name: str) -> None:
    codes, inner = OTHERS[name]
    with pytest.raises(HoldfastError) as raised:
        run(models / name, images / "mnist300_imagefolder.zip", plan_of(limit=4, **inner))
    assert raised.value.code in codes
    assert raised.value.hint


def test_a_direction_net_is_audited_at_the_size_that_is_given(models: Path, images: Path) -> None:
    plan = plan_of("symmetric", crop=[48, 192], resize=[48, 192], angles_deg=[10], limit=12)
    with packed(images / "imagenet200") as probes:
        unlabelled = run(models / "ppocr_mobile_v2_cls.onnx", _without_labels(probes), plan)
    assert unlabelled.result.model.n_classes == 2
    assert unlabelled.result.provenance.crop_px == (48, 192)


def _without_labels(archive: Path) -> Path:
    made = archive.with_name("plain.zip")
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(made, "w") as target:
        for name in source.namelist():
            if name != "labels.csv":
                target.writestr(zipfile.ZipInfo(name), source.read(name))
    return made


def test_odd_pictures_are_all_usable(models: Path, images: Path) -> None:
    with packed(images / "odd") as probes:
        model = models / "shufflenet-v2-12-int8.onnx"
        output = run(model, probes, plan_of("imagenet", shifts_px=[[8, 0]]))
    assert output.result.probes.n_used == len(list((images / "odd").iterdir()))
    assert output.result.probes.skipped == ()
