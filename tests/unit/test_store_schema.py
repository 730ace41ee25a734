"""The schema says the same as the documents, and is consistent in itself."""

import re
from pathlib import Path

import numpy as np
import pytest

from genomehub.store import schema

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "vcf-zarr.md"


def test_document__table_is_the_schema():
    page = PAGE.read_text(encoding="utf-8")
    table = re.search(r"<!-- schema: begin -->\n(.*)\n<!-- schema: end -->", page, re.DOTALL)
    assert table is not None
    assert table.group(1) == schema.markdown_table()


def test_names__are_unique_and_tell_the_first_dimension():
    assert len(schema.BY_NAME) == len(schema.ARRAYS)
    first = {
        "variant": "variants", "call": "variants", "block": "blocks", "contig": "contigs",
        "nonref": "variants", "candidate": "candidates", "filter": "filters",
        "sample": "samples", "region": "region_index_values",
    }  # fmt: skip
    for spec in schema.ARRAYS:
        assert spec.dims[0] == first[spec.name.split("_")[0]]
        assert not spec.name.startswith("call_") or spec.dims[1] == "samples"


@pytest.mark.parametrize("spec", schema.ARRAYS, ids=lambda spec: spec.name)
def test_spec__complete(spec):
    assert spec.meaning
    assert '"' not in spec.meaning
    assert (schema.numpy_dtype(spec).kind == "f") == (spec.decimals >= 0)
    if spec.vcf.startswith(("INFO/", "FORMAT/")):
        assert spec.number
        assert spec.type


def test_n_genotypes__of_arrays():
    np.testing.assert_array_equal(schema.n_genotypes(np.array([1, 2, 3, 7])), [1, 3, 6, 28])
