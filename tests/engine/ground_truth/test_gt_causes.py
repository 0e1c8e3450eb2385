"""GT-05, 06, 15, 19, 22, 23, 26: the cause of moving scores, from the file to the result.

What each net does wrong is known; the numbers of GT-23 are compared with a NumPy net in float64
that shares no code with the engine.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import toys
import truth_nets
from auditing import plan_of, run
from holdfast.records.causes import Causes, Piece
from toy_probes import Pixels, flat
from toys import model, node, tensor, value
from truth_causes import SIZE, FourCauses, telescoped
from truth_images import natural, white_noise

EXACT, FEW = 2e-5, 2


def _causes(folder: Path, file: bytes, images: Pixels, **plan: Any) -> Causes:
    """The causes of an audit of two images and one shift: both images are looked at."""
    plan.setdefault("shifts_px", [[1, 0]])
    output = run(file, flat(folder / "p.zip", images), plan_of(**plan))
    causes = output.result.causes
    assert causes is not None
    return causes


def _pieces(causes: Causes) -> dict[str, Piece]:
    return {piece.name: piece for piece in causes.pieces}


VARIANTS = {
    "exact on its grid": (FourCauses(), "ALIASING", "high"),
    "blurred": (FourCauses(blur=True), "ALIASING", "low"),
    "zero padding": (FourCauses("zero"), "PADDING", "high"),
    "flattened": (FourCauses(head="flat"), "HEAD", "high"),
}


@pytest.mark.parametrize("name", VARIANTS)
def test_gt23_each_piece_does_what_numpy_says_and_the_cause_is_named(
    tmp_path: Path, name: str
) -> None:
    net, label, strength = VARIANTS[name]
    images = natural(FEW, SIZE)
    causes = _causes(tmp_path, net.file(), images)
    assert (causes.label, causes.strength) == (label, strength)
    pieces = _pieces(causes)
    moved = np.roll(images / 255.0, (SIZE // 3, SIZE // 3), (1, 2))[:, None]
    for shift_px, kind in ((4, "period_error"), (1, "pixel_error")):
        for layer, error in telescoped(net, moved, shift_px).items():
            seen = getattr(pieces[layer], kind)
            assert seen == pytest.approx(error, rel=2e-3, abs=EXACT), (layer, shift_px)
    for piece in pieces.values():
        may = {"zero padding": "conv", "flattened": "head"}.get(name, "none")
        assert piece.period_error is not None
        assert piece.period_error <= EXACT or piece.name.startswith(may)
    assert causes.graph is not None
    assert causes.graph.horizontal.stride_px == 4
    taps = 4 if net.blur else 1
    # 1 + sum of (k - 1) jumps: three 3 x 3 at 1, 2, 4; two samplings at 1, 2
    assert causes.graph.horizontal.receptive_field_px == 1 + 2 * (1 + 2 + 4) + (taps - 1) * (1 + 2)
    assert {op.smoothing for op in causes.graph.strided} == {"blur" if net.blur else "none"}
    above = {op.op: op.activation_share for op in causes.graph.strided}
    assert above == pytest.approx(_above_the_limit(net, moved), rel=1e-3)


def _above_the_limit(net: FourCauses, images: NDArray[np.float64]) -> dict[str, float]:
    """Of what comes to each sampling by 2, the energy above a quarter of a cycle per pixel."""
    found, z = {}, images
    for name, layer, _ in net.layers():
        if name.startswith("down"):
            power = np.abs(np.fft.fft2(z)) ** 2
            high = [np.abs(np.fft.fftfreq(side)) > 0.25 for side in z.shape[2:]]
            found[name] = float(power[..., high[0][:, None] | high[1]].sum() / power.sum())
        z = layer(z)
    return found


def test_gt23_without_sampling_there_is_no_cause_and_shares_add_to_one(tmp_path: Path) -> None:
    none = _causes(tmp_path, toys.circular_net(1), natural(FEW, 16))
    assert (none.label, none.strength, none.shares) == ("NONE", "none", ())
    mixed = _causes(tmp_path, FourCauses("zero", "flat").file(), natural(FEW, SIZE))
    assert sum(share.share for share in mixed.shares) == pytest.approx(1, abs=5e-3)
    for kind in ("period_share", "pixel_share"):
        assert sum(getattr(piece, kind) for piece in mixed.pieces) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("stride", [2, 4])
def test_gt02_rolls_by_the_stride_are_exact_and_it_is_aliasing(tmp_path: Path, stride: int) -> None:
    causes = _causes(tmp_path, toys.circular_net(stride), natural(FEW, 16))
    assert causes.label == "ALIASING"
    assert causes.spi[0].period_px == causes.effective_period_px == stride
    assert causes.spi[0].index == pytest.approx(1, abs=1e-3)
    assert causes.period_drift is not None
    assert causes.period_drift <= EXACT < (causes.pixel_drift or 0)


def test_gt05_all_of_it_is_the_dense_layer(tmp_path: Path) -> None:
    causes = _causes(tmp_path, toys.band_of_column(), natural(FEW, 32))
    assert causes.label == "HEAD"
    assert causes.graph is not None
    assert causes.graph.location_share == pytest.approx(1 - 1 / 8)
    (dense,) = [piece for piece in causes.pieces if piece.kind == "head"]
    assert dense.pixel_share == dense.period_share == pytest.approx(1)


def test_gt06_a_random_dense_layer_is_bound_to_places_but_for_the_mean(tmp_path: Path) -> None:
    size, width = 16, 64
    weights = np.random.default_rng(6).normal(size=(size * size, width))
    nodes = [node("Flatten", ["image"], "row"), node("MatMul", ["row", "w"], "scores")]
    image, scores = value("image", ["n", 1, size, size]), value("scores", ["n", width])
    causes = _causes(
        tmp_path, model(nodes, [image], [scores], [tensor("w", weights)]), natural(FEW, size)
    )
    assert causes.label == "HEAD"
    assert causes.graph is not None
    # the share of each class's mean is chi-squared over its count: 1 / (H W) on average
    assert causes.graph.location_share == pytest.approx(1 - 1 / size**2, abs=3 / size**2)


@pytest.mark.parametrize(("layers", "share"), [(1, 0.2344), (2, 0.4375), (3, 0.6094)])
def test_gt15_a_constant_image_shows_how_far_zero_padding_reaches(
    tmp_path: Path, layers: int, share: float
) -> None:
    size, nodes, name = 16, [], "image"
    for layer in range(layers):
        nodes.append(node("Conv", [name, "ones"], f"c{layer}", pads=[1] * 4))
        name = f"c{layer}"
    nodes += [
        node("GlobalAveragePool", [name], "pooled"),
        node("Flatten", ["pooled"], "row"),
        node("MatMul", ["row", "signs"], "scores"),
    ]
    stored = [tensor("ones", np.full((1, 1, 3, 3), 1 / 9)), tensor("signs", [[1.0, -1.0]])]
    image, scores = value("image", ["n", 1, size, size]), value("scores", ["n", 2])
    causes = _causes(tmp_path, model(nodes, [image], [scores], stored), natural(FEW, size))
    assert causes.label == "PADDING"
    last = _pieces(causes)[f"c{layers - 1}"]
    if share < 0.5:  # beyond it the median itself is a value of the border
        assert last.location_map_share == pytest.approx(share, abs=1e-4)
    if layers == 1:
        assert last.location_map == pytest.approx(1 - 4 / 9)
    assert causes.graph is not None
    assert causes.graph.vertical.padding_reach_px == layers
    assert causes.graph.border_share == pytest.approx(share, abs=1e-4)


@pytest.mark.parametrize("joined", [False, True])
def test_gt19_a_ramp_in_the_graph_is_the_whole_cause(tmp_path: Path, *, joined: bool) -> None:
    size, channels, classes = 16, 4, 5
    draw = np.random.default_rng(19)
    ramp = np.broadcast_to(np.linspace(0, 1, size), (1, channels, size, size))
    wide = 2 * channels if joined else channels
    stored = [
        tensor("stem", draw.normal(size=(channels, 1, 1, 1))),
        tensor("ramp", ramp),
        tensor("mix", draw.normal(size=(wide, wide, 1, 1))),
        tensor("w", draw.normal(size=(wide, classes))),
    ]
    meet = (
        node("Concat", ["map", "ramp"], "placed", axis=1, name="place")
        if joined
        else node("Add", ["map", "ramp"], "placed", name="place")
    )
    nodes = [
        node("Conv", ["image", "stem"], "map"),
        meet,
        node("Conv", ["placed", "mix"], "mixed"),
        node("Relu", ["mixed"], "curved"),
        node("GlobalAveragePool", ["curved"], "pooled"),
        node("Flatten", ["pooled"], "row"),
        node("MatMul", ["row", "w"], "scores"),
    ]
    batch = 1 if joined else "n"  # a stored ramp joins one image at a time
    image, scores = value("image", [batch, 1, size, size]), value("scores", [batch, classes])
    causes = _causes(tmp_path, model(nodes, [image], [scores], stored), natural(FEW, size))
    assert causes.label == "POSITION_EMBED"
    assert causes.graph is not None
    code = "COORDCONV" if joined else "POS_CONST"
    assert [note.op for note in causes.graph.notes if note.code == code] == ["place"]
    for piece in causes.pieces:
        share = 1.0 if piece.name == "place" else 0.0
        assert piece.period_share == pytest.approx(share, abs=1e-4)
    seen = _pieces(causes)["place"]
    assert seen.location_map is not None
    assert seen.location_map > 0.1
    assert _pieces(causes)["map"].location_map == 0


@pytest.mark.parametrize(("cycles", "zone"), [(3, 0), (6, 1), (10, 1), (14, 2)])
def test_gt22_a_sampled_tone_is_wrong_by_its_alias_zone(
    tmp_path: Path, cycles: int, zone: int
) -> None:
    """`2 |sin(pi q d / s)|`, here with d = 1 and s = 4."""
    stride, small = 4, SIZE // 4
    nodes = [
        node("Conv", ["image", "one"], "sampled", strides=[stride] * 2, name="sample"),
        node("Flatten", ["sampled"], "row"),
        node("Gemm", ["row", "same"], "scores"),
    ]
    stored = [tensor("one", np.ones((1, 1, 1, 1))), tensor("same", 4 * np.eye(small**2))]
    image, scores = value("image", ["n", 1, SIZE, SIZE]), value("scores", ["n", small**2])
    tone = np.cos(2 * np.pi * cycles / SIZE * np.arange(SIZE) + 0.3)
    picture = np.rint(128 + 120 * np.broadcast_to(tone, (SIZE, SIZE))).astype(np.uint8)
    causes = _causes(
        tmp_path, model(nodes, [image], [scores], stored), np.stack([picture, picture])
    )
    law = 2 * abs(np.sin(np.pi * zone / stride))
    assert _pieces(causes)["sample"].pixel_error == pytest.approx(law, abs=0.02)


def test_gt26_a_head_that_looks_at_one_place(tmp_path: Path) -> None:
    causes = _causes(tmp_path, truth_nets.forgetting(SIZE), natural(FEW, SIZE))
    assert causes.label == "HEAD"
    assert causes.graph is not None
    assert causes.graph.location_share == pytest.approx(1 - 1 / SIZE**2, abs=1e-6)
    assert causes.graph.head == "flatten"


def test_gt24_what_the_control_explains_is_no_fault_of_the_graph(tmp_path: Path) -> None:
    """White noise under rotation: interpolation alone brings the energy under the limit."""
    size = 32
    file = truth_nets.energy_in_disc(size, 128, 0.75 * 30**2)
    images = white_noise(12, size)
    causes = _causes(
        tmp_path, file, images, preset="byte", shifts_px=[], angles_deg=[10.0, 30.0], controls=12
    )
    assert causes.label == "RESAMPLING"
