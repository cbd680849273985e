"""Curves are drawn as SVG that a browser and a parser understand."""

from xml.etree import ElementTree as ET

from bench.curves import CURVES
from bench.plot import Series, plot

SVG = "{http://www.w3.org/2000/svg}"


def drawn(*series: Series) -> ET.Element:
    """A drawing, parsed."""
    return ET.fromstring(plot("Cost <of> tasks", series, x="tasks", y="1/s", note="now"))


def texts(drawing: ET.Element) -> set[str]:
    """The words of a drawing."""
    return {element.text or "" for element in drawing.iter(f"{SVG}text")}


def test_every_point_of_every_line_is_drawn() -> None:
    """Two lines of different length keep their points and are named."""
    first = Series(name="sqlite", points=[(100, 2_000), (1_000, 3_000), (10_000, 2_500)])
    second = Series(name="redis", points=[(100, 9_000)])

    drawing = drawn(first, second)

    assert len(drawing.findall(f".//{SVG}polyline")) == 2
    assert len(drawing.findall(f".//{SVG}circle")) == 4
    assert texts(drawing) >= {"Cost <of> tasks", "sqlite", "redis", "tasks", "1/s", "now"}


def test_points_lie_inside_and_larger_values_further_up_and_right() -> None:
    """The axes are whole powers of ten around the values, x to the right and y upwards."""
    drawing = drawn(Series(name="sqlite", points=[(100, 20), (5_000, 300)]))

    (x1, y1), (x2, y2) = [
        (float(circle.attrib["cx"]), float(circle.attrib["cy"]))
        for circle in drawing.iter(f"{SVG}circle")
    ]
    assert 0 < x1 < x2 < 640
    assert 360 > y1 > y2 > 0


def test_a_drawing_without_points_says_so() -> None:
    """A curve that was never measured shows no line and no figure."""
    drawing = drawn()

    assert "not measured yet: make bench" in texts(drawing)
    assert drawing.findall(f".//{SVG}circle") == []


def test_every_curve_tells_the_order_how_many_there_are() -> None:
    """Each point of each curve becomes a whole order with a count."""
    for curve in CURVES:
        for x in curve.points:
            assert curve.told(x)["count"] > 0
