"""Where the positions of a feature map lie in the input: stride, receptive field, padding.

Source: the project's science reference, section 5.1; interval rules after Araujo, Norris and Sim,
*Computing receptive fields* (Distill 2019). All along one axis, in pixels of the model's input.
"""

from dataclasses import dataclass, replace

__all__ = ["Axis", "Window", "covers_all", "merged", "resized", "transposed", "windowed"]


@dataclass(frozen=True)
class Axis:
    """One axis of a map.

    Attributes:
        size: positions of the map.
        jump: input pixels between neighbouring positions.
        low, high: first and last input pixel that position 0 sees, if there were any.
        reach: input pixels from the border that padding can be seen at.
        sees_all: every position sees the whole input.
    """

    size: int
    jump: float = 1.0
    low: float = 0.0
    high: float = 0.0
    reach: float = 0.0
    sees_all: bool = False

    @property
    def field_px(self) -> float:
        """The receptive field `r = high - low + 1`."""
        return self.high - self.low + 1

    @property
    def start_px(self) -> float:
        """The centre of position 0."""
        return (self.low + self.high) / 2

    def clean_share(self, input_size: int) -> float:
        """Share of the positions whose receptive field lies inside the input."""
        if self.sees_all:
            return 0.0 if self.reach else 1.0
        if not self.reach:
            return 1.0
        clean = sum(
            self.low + place * self.jump >= 0 and self.high + place * self.jump <= input_size - 1
            for place in range(self.size)
        )
        return clean / self.size


@dataclass(frozen=True)
class Window:
    """A convolution or pooling along one axis; `mode` is what the padding is filled with."""

    kernel: int
    stride: int = 1
    dilation: int = 1
    begin: int = 0
    end: int = 0
    mode: str = "constant"
    ceil: bool = False

    @property
    def span(self) -> int:
        """Input positions from the first to the last tap."""
        return (self.kernel - 1) * self.dilation + 1

    def uneven(self, size: int) -> int:
        """`p_b - p_e + u`: 0 exactly where the sampling is mirror-symmetric (section 5.1).

        `u = (size + p_b + p_e - span) mod stride` is the number of padded rows never visited.
        """
        rest = (size + self.begin + self.end - self.span) % self.stride
        return self.begin - self.end + rest

    def out_size(self, size: int) -> int:
        """Positions of the result."""
        room = size + self.begin + self.end - self.span
        steps = -(-room // self.stride) if self.ceil else room // self.stride
        return steps + 1

    def meets_padding(self, size: int) -> bool:
        """Whether a tap ever lands on the padding; what stands at the end may be left over."""
        last = (self.out_size(size) - 1) * self.stride + self.span - self.begin
        return self.begin > 0 or last > size

    def rolls_exactly(self, size: int) -> bool:
        """Whether rolling the input by the stride rolls the result by one, border included."""
        if self.mode != "wrap" and self.meets_padding(size):
            return False
        return self.out_size(size) * self.stride == size


def windowed(axis: Axis, window: Window) -> Axis:
    """The axis behind a convolution or pooling."""
    jump, pads = axis.jump, max(window.begin, window.end)
    leak = pads if window.mode != "wrap" else 0
    return Axis(
        size=window.out_size(axis.size),
        jump=jump * window.stride,
        low=axis.low - window.begin * jump,
        high=axis.high + (window.span - 1 - window.begin) * jump,
        reach=axis.reach + leak * jump,
        sees_all=axis.sees_all,
    )


def transposed(axis: Axis, window: Window, size: int) -> Axis:
    """The axis behind a transposed convolution that gives `size` positions."""
    step = axis.jump / window.stride
    return replace(
        axis,
        size=size,
        jump=step,
        low=axis.low + (window.begin - (window.span - 1)) * step,
        high=axis.high + window.begin * step,
    )


def resized(axis: Axis, size: int, *, linear: bool) -> Axis:
    """The axis behind an interpolation with half-pixel centres."""
    factor, jump = size / axis.size, axis.jump
    centre, arm = 0.5 / factor - 0.5, 1.0 if linear else 0.5
    return replace(
        axis,
        size=size,
        jump=jump / factor,
        low=axis.low + (centre - arm) * jump,
        high=axis.high + (centre + arm) * jump,
    )


def merged(first: Axis, second: Axis) -> Axis:
    """Two branches that meet: whoever reads the result sees what either of them sees."""
    return replace(
        first,
        low=min(first.low, second.low),
        high=max(first.high, second.high),
        reach=max(first.reach, second.reach),
        sees_all=first.sees_all or second.sees_all,
    )


def covers_all(axis: Axis, window: Window) -> bool:
    """Whether one unpadded window takes in the whole axis."""
    return axis.size > 1 and window.out_size(axis.size) == 1 and not (window.begin or window.end)
