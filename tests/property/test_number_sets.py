"""Sets of numbers as bytes: what goes in comes out, whichever of the two forms it has."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from genomehub.hub.discovery.number_sets import BITS_BYTES, BLOCK, decode, encode, joined

SETS = st.one_of(
    st.sets(st.integers(0, BLOCK - 1), max_size=20),
    st.builds(lambda n, step: set(range(0, BLOCK, step)[:n]), st.integers(0, BLOCK), st.integers(1, 16)),
)


@given(SETS)
def test_encode__comes_back(numbers):
    kept = encode(numbers)
    assert decode(kept) == numbers
    assert len(kept) <= BITS_BYTES


@pytest.mark.parametrize("n", [0, 1, 255, 256, 257, BLOCK - 1, BLOCK])
def test_encode__the_length_tells_the_form(n):
    numbers = set(range(BLOCK - n, BLOCK))
    kept = encode(numbers)
    assert len(kept) == min(2 * n, BITS_BYTES)
    assert decode(kept) == numbers


@given(st.lists(st.tuples(st.integers(0, 2**40), st.lists(SETS, min_size=1, max_size=4)), max_size=4))
def test_joined__is_the_union(blocks):
    rows = []
    for block, sets in blocks:
        for of_bits in (False, True):
            kept = [one for one in map(encode, sets) if (len(one) == BITS_BYTES) == of_bits]
            rows += [(block, of_bits, b"".join(kept))] if kept else []
    numbers = joined(rows)
    assert numbers.dtype == np.int64
    assert set(numbers.tolist()) == {
        block * BLOCK + one for block, sets in blocks for numbers in sets for one in numbers
    }
