"""Which blur of the plain crop stands for a zoom out? Spectra and variances of the candidates.

A zoom by z < 1 samples with triangles of half-width r = 1 / z, each at its own phase. Candidates
for a symmetric kernel per pixel, which moves nothing:

    centred    the triangle of half-width r at phase 0, the same for all pixels
    mirrored   the mean of the zoom's triangle and its mirror image, at its phase
    variance   the centred triangle with the variance that the zoom's triangle has at its phase
    noise      the centred triangle with the sum of squares that the zoom's triangle has

`spectrum` is the largest difference, over frequencies, of the mean |H|^2 over phases from that of
the zoom, on one axis. `white` is the variance of white noise that is left, on two axes. The last
table measures the shipped motions on pictures with a 1/f spectrum.
"""

import argparse

import numpy as np
from numpy.typing import NDArray

from holdfast.geometry import Blur, Frame, Motion, RoundTrip, Zoom
from holdfast.geometry.blur import still_kernel

Kernels = NDArray[np.float64]
"""(phases, taps)."""

ZOOMS = (0.999, 0.95, 0.9, 0.8, 0.7, 0.5, 0.31)
TAPS = np.arange(-12, 13)
PHASES = (np.arange(400) + 0.5) / 400 - 0.5
FREQUENCIES = np.linspace(0, 0.5, 501)


def triangles(centres: NDArray[np.float64], reaches: NDArray[np.float64]) -> Kernels:
    """Normalised triangles around `centres` (p,) with half-widths (p,)."""
    weight = np.clip(1 - np.abs(TAPS - centres[:, None]) / reaches[:, None], 0, None)
    return np.asarray(weight / weight.sum(axis=1, keepdims=True))


def power(kernels: Kernels) -> NDArray[np.float64]:
    """Mean over phases of |H|^2 at `FREQUENCIES`."""
    waves = np.exp(-2j * np.pi * TAPS[:, None] * FREQUENCIES)
    return np.asarray((np.abs(kernels @ waves) ** 2).mean(axis=0))


def candidates(zoom: float) -> tuple[Kernels, dict[str, Kernels]]:
    """The zoom's own kernels, and those of each candidate."""
    reach = np.full(PHASES.shape, 1 / zoom)
    own = triangles(PHASES, reach)
    half = still_kernel(PHASES, 1 / zoom)
    variance = np.zeros_like(own)
    for distance, weight in enumerate(half):
        for side in {distance, -distance}:
            variance[:, side == TAPS] = weight[:, None]
    reaches = np.linspace(1, 1 / zoom + 2, 20000)
    squares = (triangles(np.zeros_like(reaches), reaches) ** 2).sum(axis=1)
    same_noise = np.interp(-(own**2).sum(axis=1), -squares, reaches)
    still = np.zeros_like(PHASES)
    return own, {
        "centred": triangles(still, reach),
        "mirrored": (own + own[:, ::-1]) / 2,
        "variance": variance,
        "noise": triangles(still, same_noise),
    }


def kernel_table() -> None:
    """Print the theory: kernels averaged over uniform phases."""
    print(
        "| zoom | white: zoom | centred | mirrored | variance | noise | spectrum: centred ", end=""
    )
    print("| mirrored | variance | noise |")
    print("|" + "---|" * 10)
    for zoom in ZOOMS:
        own, found = candidates(zoom)
        white = [(k**2).sum(axis=1).mean() ** 2 for k in (own, *found.values())]
        gaps = [np.abs(power(k) - power(own)).max() for k in found.values()]
        figures = " | ".join([*(f"{w:.4f}" for w in white), *(f"{gap:.3f}" for gap in gaps)])
        print(f"| {zoom} | {figures} |")


def pictures(n: int, side: int) -> NDArray[np.float32]:
    """(n, side, side, 1) with a 1/f amplitude spectrum, mean 128, deviation 40."""
    rng = np.random.default_rng(0)
    radius = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.fftfreq(side))
    radius[0, 0] = np.inf
    spectrum = np.fft.fft2(rng.standard_normal((n, side, side))) / radius
    levels = np.fft.ifft2(spectrum).real
    levels *= 40 / levels.std(axis=(1, 2), keepdims=True)
    return (128 + levels[..., None]).astype(np.float32)


def top_octave(view: NDArray[np.float32], nyquist: float) -> float:
    """Mean energy per picture pixel between half of `nyquist` and `nyquist`, Hann window."""
    side = view.shape[0]
    window = np.hanning(side)[:, None] * np.hanning(side)
    levels = (view[..., 0] - view.mean()) * window
    energy = np.abs(np.fft.fft2(levels)) ** 2 / (window**2).sum() / side**2
    frequency = np.abs(np.fft.fftfreq(side))
    radius = np.maximum(frequency[:, None], frequency)
    return float(energy[(radius > nyquist / 2) & (radius <= nyquist)].sum())


def picture_table(n: int) -> None:
    """Print what is left in the octave below the zoomed view's Nyquist frequency.

    The zoomed view shows it up to its own Nyquist frequency; in the crop and its controls it ends
    at z / 2 cycles per pixel.
    """
    side, crop = 900, 256
    window = Frame((crop, crop), (side, side)).window((side, side))
    whole = pictures(n, side)
    print("| zoom | zoom | blur | round trip |\n|---|---|---|---|")
    for zoom in ZOOMS:
        motions: list[tuple[Motion, float]] = [
            (Zoom(zoom), 0.5),
            (Blur(Zoom(zoom)), 0.5 * zoom),
            (RoundTrip(Zoom(zoom)), 0.5 * zoom),
        ]
        cells = []
        for motion, nyquist in motions:
            out = np.empty((crop, crop, 1), np.float32)
            plain = np.empty((crop, crop, 1), np.float32)
            left = []
            for canvas in whole:
                motion.view(canvas, window, 0, out)
                Zoom(1.0).view(canvas, window, 0, plain)
                left.append(top_octave(out, nyquist) / top_octave(plain, 0.5 * zoom))
            cells.append(f"{np.mean(left):.3f}")
        print(f"| {zoom} | {' | '.join(cells)} |")


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=20)
    options = parser.parse_args()
    kernel_table()
    print()
    picture_table(options.pictures)


if __name__ == "__main__":
    main()
