"""Places in layers: order without needless crossings, room for everything, straight where it can be."""

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from gyebo.views.layering import place_layers


def test_a_crossing_is_untied():
    places = place_layers([["a", "b"], ["c", "d"]], [("a", "d"), ("b", "c")], dict.fromkeys("abcd", 10))
    assert (places["a"] < places["b"]) == (places["d"] < places["c"])


def test_a_chain_is_straight_and_a_fork_is_even():
    places = place_layers([["a"], ["b"], ["c", "d"]], [("a", "b"), ("b", "c"), ("b", "d")], dict.fromkeys("abcd", 10))
    assert places == {"a": 10, "b": 10, "c": 5, "d": 15}


def test_a_node_without_neighbours_has_a_place():
    assert place_layers([["a", "b"]], [], {"a": 10, "b": 20}) == {"a": 5, "b": 20}
    assert place_layers([], [], {}) == {}


@settings(deadline=None)
@given(st.lists(st.integers(1, 4), min_size=1, max_size=5), st.data())
def test_neighbours_of_a_layer_keep_their_distance(sizes, data):
    layers = [[(layer, number) for number in range(size)] for layer, size in enumerate(sizes)]
    heights = {node: float(data.draw(st.integers(1, 50))) for layer in layers for node in layer}
    pairs = [(one, other) for above, below in pairwise(layers) for one in above for other in below]
    edges = data.draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    places = place_layers(layers, edges, heights)
    assert set(places) == set(heights)
    assert min(places[node] - heights[node] / 2 for node in places) >= -1e-9
    for layer in layers:
        for one, other in pairwise(sorted(layer, key=places.__getitem__)):
            assert places[other] - places[one] >= (heights[one] + heights[other]) / 2 - 1e-6
