"""Decoding ahead changes nothing but the time: same probes, same blocks, same refusals."""

import threading
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from holdfast.audit import canvases
from holdfast.audit.canvases import CanvasReader, Probe
from holdfast.errors import HoldfastError
from holdfast.geometry import Frame
from holdfast.probes.probe_set import open_probes
from toy_probes import noise, png, zip_of


@dataclass
class Watched(CanvasReader):
    """Tells which probes were decoded, in order."""

    decoded: list[int] = field(default_factory=list)

    def one(self, index: int) -> Probe:
        self.decoded.append(index)
        return super().one(index)

    def wait_for(self, index: int) -> None:
        """Until the thread has begun with the probe `index`."""
        end = time.monotonic() + 20
        while index not in self.decoded:
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[Watched]:
    """Forty images, the 7th and the 30th broken."""
    images = [png(pixels) for pixels in noise(40, 12, 12)]
    images[7] = images[30] = images[0][:50]
    path = zip_of(tmp_path / "p.zip", [(f"{n:02}.png", data) for n, data in enumerate(images)])
    with path.open("rb") as file:
        yield Watched(open_probes(file), list(range(39, -1, -1)), Frame((12, 12), None), 1)


@pytest.mark.parametrize("size", [1, 7, 40, 64])
def test_blocks_hold_every_usable_probe_once_and_in_order(reader: Watched, size: int) -> None:
    seen, places = [], []
    for _, place, block in reader.blocks(size):
        assert len(block) <= size
        seen += [probe.index for probe in block]
        places.append(place)
    assert seen == [index for index in range(39, -1, -1) if index not in (7, 30)]
    assert places == [min(start + size, 40) for start in range(0, 40, size)]
    assert sorted(reader.skipped) == [7, 30]


def test_what_was_decoded_ahead_is_not_listed_before_its_turn(reader: Watched) -> None:
    with closing(reader.blocks(9)) as blocks:
        next(blocks)  # 39 to 31
        reader.wait_for(29)  # and 30 is done
        assert reader.skipped == {}
        next(blocks)
        assert list(reader.skipped) == [30]


def test_a_reader_that_is_left_early_leaves_no_thread(reader: Watched) -> None:
    before = threading.active_count()
    with closing(reader.blocks(4)) as blocks:
        next(blocks)
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_without_room_nothing_is_decoded_ahead(
    reader: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(canvases, "_AHEAD_BYTES", 100)  # less than one canvas of 144
    with closing(reader.blocks(9)) as blocks:
        next(blocks)
        time.sleep(0.2)
        assert reader.decoded == list(range(39, 30, -1))
        next(blocks)
        assert reader.decoded == list(range(39, 21, -1))


def test_no_more_than_one_block_is_decoded_ahead(reader: Watched) -> None:
    with closing(reader.blocks(4)) as blocks:
        next(blocks)
        reader.wait_for(32)
        time.sleep(0.2)
        assert reader.decoded == list(range(39, 31, -1))


def test_too_many_broken_images_are_refused_from_the_thread_as_well(reader: Watched) -> None:
    reader.order = list(range(32))  # two of 32 are over 5 %
    with pytest.raises(HoldfastError, match="too_many_bad_images") as refused:
        list(reader.blocks(8))
    assert (refused.value.fields["n"], refused.value.fields["m"]) == ("2", "32")
