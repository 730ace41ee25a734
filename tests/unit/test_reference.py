"""The reference directory: what is written is read, and a wrong directory is said to be one."""

import gzip
import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from genomehub.config import IndexConfig
from genomehub.errors import ConfigError, InputError, NotFoundError, StoreError
from genomehub.files import forget_pages
from genomehub.pipeline.reference import build_reference
from genomehub.store import reference as store
from genomehub.store.reference import PADDING, Reference
from genomehub.types import Base

RNG = np.random.default_rng(7)
CHR1 = "".join(RNG.choice(list("ACGT"), 3001)) + "NNRYK"
CHR2 = "".join(RNG.choice(list("ACGT"), 998))
MITO = "".join(RNG.choice(list("ACGT"), 161))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    folder = tmp_path_factory.mktemp("reference")
    (folder / "genome.fa").write_text(f">chr1\n{CHR1.lower()}\n>chr2 x\n{CHR2}\n>chrM\n{MITO}\n")
    return build_reference(folder / "genome.fa", folder / "genome.ref")


def test_open__contigs_and_digest(reference):
    opened = Reference.open(reference.path)
    assert [(c.name, c.length) for c in opened.contigs] == [("chr1", 3006), ("chr2", 998), ("chrM", 161)]
    assert opened.digest == reference.digest
    assert opened.length == 3006 + 998 + 161
    assert opened.table["source"] == "genome.fa"


def test_text__any_span(reference):
    assert reference.text(0, 0, len(CHR1)) == CHR1
    assert reference.text(1, 3, 10) == CHR2[3:10]
    assert reference.text(2, 161, 161) == ""


def test_sequence__codes(reference):
    codes = reference.sequence(0, 2990, 3006)
    assert codes.tolist() == ["ACGT".find(c) if c in "ACGT" else Base.OTHER for c in CHR1[2990:]]


@pytest.mark.parametrize("span", [(-1, 5), (0, 3007), (5, 4)])
def test_sequence__outside_the_contig(reference, span):
    with pytest.raises(ValueError, match="is not within its 3006 bp"):
        reference.sequence(0, *span)


def test_bases__padding_between_contigs(reference):
    bases = reference.bases
    ends = bases.contig_offsets + bases.contig_lengths
    assert bases.contig_offsets[0] >= PADDING
    assert (bases.contig_offsets[1:] - ends[:-1] >= PADDING).all()
    assert 2 * bases.packed.size - ends[-1] >= PADDING
    assert not bases.packed.flags.writeable


def test_fasta__upper_case_and_indexed(reference):
    text = gzip.decompress(reference.fasta.read_bytes()).decode().split(">")
    assert "".join(text[1].splitlines()[1:]) == CHR1
    assert (reference.path / "genome.fa.gz.fai").read_text().splitlines()[1].split("\t")[:2] == [
        "chr2",
        "998",
    ]
    assert (reference.path / "genome.fa.gz.gzi").exists()


def build_with_alt(folder, alt, name="genome.fa", beside=True):
    text = f">chr1\n{CHR1}\n>chr1_alt\n{CHR1[:500]}\n>decoy\n{MITO}\n"
    data = gzip.compress(text.encode()) if name.endswith(".gz") else text.encode()
    (folder / name).write_bytes(data)
    path = folder / ("genome.fa.alt" if beside else "other.alt")
    path.write_bytes(alt)
    return build_reference(folder / name, folder / "genome.ref", alt=None if beside else path)


ALT = b"@HD\tVN:1.0\nchr1_alt\t0\tchr1\t1\t60\t500M\t*\t0\t0\t*\t*\n\nchr1_alt\t0\tchr1\nabsent\t4\ndecoy\r\n"


@pytest.mark.parametrize("name", ["genome.fa", "genome.fa.gz"])
@pytest.mark.parametrize("beside", [True, False])
def test_build__alt_file_marks_contigs(tmp_path, name, beside):
    built = build_with_alt(tmp_path, ALT, name, beside)
    opened = Reference.open(built.path)
    assert [contig.is_alt for contig in opened.contigs] == [False, True, True]
    assert opened.bases.is_alt.tolist() == [False, True, True]


def test_open__reference_of_before_alt_contigs_were_known(reference, tmp_path):
    table = json.loads((reference.path / "reference.json").read_text())
    for contig in table["contigs"]:
        del contig["is_alt"]
    opened = Reference.open(copy_with(reference, tmp_path, contigs=table["contigs"]))
    assert not opened.bases.is_alt.any()
    assert opened.contigs == reference.contigs


@pytest.mark.parametrize(
    ("alt", "said"),
    [
        (
            b"chr9_alt\t0\n",
            r'none of its 1 contigs \("chr9_alt", ...\) is in genome.fa, whose first is "chr1"',
        ),
        (b"@HD\tVN:1.0\n", r"genome.fa.alt: names no contig; .* Leave the file out"),
        (b"\x1f\x8b\x08", r"genome.fa.alt: is no text, but an .alt file is lines of SAM"),
    ],
)
def test_build__wrong_alt_file(tmp_path, alt, said):
    with pytest.raises(InputError, match=said):
        build_with_alt(tmp_path, alt)
    assert not (tmp_path / "genome.ref").exists()


def test_build__alt_file_that_is_missing(tmp_path):
    (tmp_path / "genome.fa").write_text(f">chr1\n{CHR1}\n")
    with pytest.raises(InputError, match=r"no\.alt"):
        build_reference(tmp_path / "genome.fa", tmp_path / "genome.ref", alt=tmp_path / "no.alt")


def test_seeds__stored_field_by_field(reference):
    seeds = Reference.open(reference.path).seeds
    arrays = [value for value in seeds if isinstance(value, np.ndarray)]
    assert arrays
    assert all(array.size for array in arrays)


def test_pickle__travels_as_its_path(reference):
    assert pickle.loads(pickle.dumps(reference)).digest == reference.digest


def test_contig_index(reference):
    assert reference.contig_index("chr2") == 1
    with pytest.raises(NotFoundError, match='no contig "2"; the reference has chr1, chr2, chrM'):
        reference.contig_index("2")


@pytest.mark.parametrize("names", [["1", "2", "MT"], ["chr1", "chr2", "chrM"], ["chr1", "2", "M"]])
def test_alias__naming_differences(reference, names):
    assert reference.alias(names, [3006, 998, 161]).tolist() == [0, 1, 2]


def test_alias__md5_beats_names_and_strangers_are_minus_one(reference):
    md5 = reference.contigs[1].md5
    assert reference.alias(["CM000664.1", "decoy"], None, [md5.upper(), None]).tolist() == [1, -1]


@pytest.mark.parametrize(
    ("names", "lengths", "md5s", "sentence"),
    [
        (["chr1"], [3007], None, r'contig "chr1" is 3007 bp there, but 3006 bp .* another build'),
        (["1"], [3007], None, r'contig "1" is 3007 bp there, but 3006 bp .* another build'),
        (["chr1"], [3006], ["0" * 32], r'contig "chr1" has M5 0{32} there, but .* another build'),
        (["scaffold"], [5], None, r"none of its contigs \(scaffold\) is in the reference"),
        (["1", "chr1"], None, None, r'contigs "1" and "chr1" are the same contig'),
    ],
)
def test_alias__another_build(reference, names, lengths, md5s, sentence):
    with pytest.raises(InputError, match=f"sample.bam: {sentence}"):
        reference.alias(names, lengths, md5s, "sample.bam")


def test_open__nothing_there(tmp_path):
    with pytest.raises(NotFoundError, match="no such reference directory"):
        Reference.open(tmp_path / "none.ref")


def test_open__a_file_or_another_folder(tmp_path, reference):
    for path in (tmp_path, reference.fasta):
        with pytest.raises(StoreError, match="is no reference directory"):
            Reference.open(path)


def copy_with(reference, folder, **changes):
    table = {**json.loads((reference.path / "reference.json").read_text()), **changes}
    (folder / "reference.json").write_text(json.dumps(table))
    (folder / "bases.npy").write_bytes((reference.path / "bases.npy").read_bytes())
    return folder


def test_open__other_format_version(tmp_path, reference):
    with pytest.raises(
        StoreError, match=r"format version 99; this genomehub reads version 1.*reference build"
    ):
        Reference.open(copy_with(reference, tmp_path, format_version=99))


def test_open__damaged_table(tmp_path):
    (tmp_path / "reference.json").write_text("{")
    with pytest.raises(StoreError, match=r"reference\.json: cannot be read"):
        Reference.open(tmp_path)


def test_open__missing_and_short_arrays(tmp_path, reference):
    folder = copy_with(reference, tmp_path)
    np.save(folder / "bases.npy", np.zeros(10, dtype=np.uint8))
    with pytest.raises(StoreError, match="10 bytes do not hold the 4165 bases"):
        Reference.open(folder)
    (folder / "bases.npy").unlink()
    with pytest.raises(StoreError, match="is missing or damaged"):
        Reference.open(folder)


def test_seeds__none_stored(tmp_path, reference):
    folder = copy_with(reference, tmp_path, seeds=None)
    with pytest.raises(StoreError, match="holds no seed index"):
        _ = Reference.open(folder).seeds


def test_build_reference__does_not_replace_other_folders(tmp_path, reference):
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "thesis.txt").touch()
    fasta = reference.path.parent / "genome.fa"
    with pytest.raises(ConfigError, match="exists and is no reference directory"):
        build_reference(fasta, tmp_path / "precious")
    assert (tmp_path / "precious" / "thesis.txt").exists()


def test_build_reference__again_gives_the_same_bytes(tmp_path, reference):
    fasta = reference.path.parent / "genome.fa"
    for _ in range(2):  # the second replaces the first
        again = build_reference(fasta, tmp_path / "again.ref", IndexConfig())
    files = sorted(p.relative_to(again.path) for p in again.path.rglob("*") if p.is_file())
    assert files == sorted(p.relative_to(reference.path) for p in reference.path.rglob("*") if p.is_file())
    for file in files:
        assert (again.path / file).read_bytes() == (reference.path / file).read_bytes()


def test_build_reference__leaves_nothing_on_failure(tmp_path):
    (tmp_path / "bad.fa").write_text(">a\nAC\n>a\nAC\n")
    with pytest.raises(InputError, match="used before"):
        build_reference(tmp_path / "bad.fa", tmp_path / "bad.ref")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bad.fa"]


def test_preload__changes_nothing_and_may_be_repeated(reference):
    before = reference.sequence(0, 0, 100).tolist()
    reference.preload()
    reference.preload()
    assert reference.sequence(0, 0, 100).tolist() == before


@pytest.mark.parametrize("huge", [0, 1], ids=["a probe that fails", "a probe that succeeds"])
def test_preload__reads_again_what_is_cached_in_small_pages(reference, monkeypatch, huge):
    forgotten = []

    def forget(path, n_bytes):
        forgotten.append((Path(path).name, n_bytes))
        forget_pages(path, n_bytes)

    monkeypatch.setattr(store, "_WORTH_READING_AGAIN", 1)
    monkeypatch.setattr(store, "_PROBE", 4096)
    monkeypatch.setattr(store, "_huge_bytes", lambda path: huge)
    monkeypatch.setattr(store, "forget_pages", forget)
    arrays = [reference.bases.packed, reference.seeds.buckets, reference.seeds.entries]
    before = [array.copy() for array in arrays]
    reference.preload()
    sizes = {name: [n for other, n in forgotten if other == name] for name, _ in forgotten}
    assert sorted(sizes) == ["bases.npy", "buckets.npy", "entries.npy"]
    for name, read in sizes.items():
        whole = next(reference.path.rglob(name)).stat().st_size
        assert read == ([4096, whole] if huge else [4096])
    for array, values in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, values)
