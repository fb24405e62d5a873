"""Names beside points."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from ballast.study.placing import LETTER, LINE, place

SIZE = 640.0, 340.0
POINT = st.tuples(st.floats(0, SIZE[0]), st.floats(0, SIZE[1]))


def boxes(places, names):
    for (x, y, side), name in zip(places, names, strict=True):
        begin = x if side == "right" else x - LETTER * len(name)
        yield begin, y - LINE / 2, begin + LETTER * len(name), y + LINE / 2


@given(st.lists(POINT, min_size=1, max_size=4))
def test_few_short_names_lie_inside_and_apart(points):
    names = ["name"] * len(points)
    placed = list(boxes(place([(x, y, y, y) for x, y in points], names, SIZE, 0), names))
    for left, top, right, bottom in placed:
        assert left >= 0
        assert top >= 0
        assert right <= SIZE[0]
        assert bottom <= SIZE[1]
    for one, other in combinations(placed, 2):
        assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def test_a_name_keeps_off_the_bars():
    bars = [(100.0, 100.0, 100.0, 100.0), (120.0, 50.0, 140.0, 150.0)]
    (x, y, side), _ = place(bars, ["first", "second"], SIZE, 0)
    assert (x, y, side) == (92.0, 100.0, "left")


def test_a_name_keeps_off_the_line():
    ((_, y, _),) = place([(100.0, 90.0, 100.0, 110.0)], ["name"], SIZE, 100)
    assert abs(y - 100) > LINE / 2


def test_a_name_that_fits_nowhere_is_to_the_right():
    assert place([(100.0, 50.0, 50.0, 50.0)], ["long" * 100], SIZE, 0) == [(108.0, 50.0, "right")]
