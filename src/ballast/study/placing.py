"""Where the names beside the points of a chart go, so that none lies on another, or on a bar."""

from collections.abc import Iterator, Sequence
from itertools import product

# In pixels: a letter of 11 px, a line, and from a point's centre to its name.
LETTER, LINE, GAP = 7.0, 12.0, 8.0
# Lines above or below the point, the nearest first.
LINES = (0, *(sign * line for line in range(1, 7) for sign in (1, -1)))

Box = tuple[float, float, float, float]


def place(
    bars: Sequence[tuple[float, float, float, float]],
    names: Sequence[str],
    size: tuple[float, float],
    level: float,
) -> list[tuple[float, float, str]]:
    """Return for each point where its name begins or ends, and on which side it lies.

    The first points choose first. A name that fits nowhere lies to the right of its point.

    Args:
        bars: of each point in pixels from the upper left, x, and y of the upper end of its
            interval, of the point, of the lower end.
        names: their names.
        size: width and height of the chart in pixels.
        level: y of a line across the chart.

    Returns:
        (x, y, "left" or "right"): the name begins at x and goes right, or ends there.
    """
    half = GAP / 2
    taken = [(x - half, y - half, x + half, y + half) for x, _, y, _ in bars]
    taken += [(x - 1, top, x + 1, bottom) for x, top, _, bottom in bars]
    taken.append((0, level - 1, size[0], level + 1))
    places = []
    for (x, _, y, _), name in zip(bars, names, strict=True):
        choices = list(_choices(x, y, LETTER * len(name)))
        free = [
            choice for choice in choices if _inside(choice[0], size) and _free(choice[0], taken)
        ]
        box, position = (free or choices)[0]
        taken.append(box)
        places.append(position)
    return places


def _choices(x: float, y: float, width: float) -> Iterator[tuple[Box, tuple[float, float, str]]]:
    for line, side in product(LINES, ("right", "left")):
        middle = y + line * LINE
        begin = x + GAP if side == "right" else x - GAP - width
        box = (begin, middle - LINE / 2, begin + width, middle + LINE / 2)
        yield box, (x + GAP if side == "right" else x - GAP, middle, side)


def _inside(box: Box, size: tuple[float, float]) -> bool:
    return box[0] >= 0 and box[1] >= 0 and box[2] <= size[0] and box[3] <= size[1]


def _free(box: Box, taken: Sequence[Box]) -> bool:
    return all(
        box[2] <= other[0] or other[2] <= box[0] or box[3] <= other[1] or other[3] <= box[1]
        for other in taken
    )
