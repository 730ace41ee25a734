"""Store, VCF and gVCF as bcftools, vcztools and sgkit's reader (xarray) see them."""

import subprocess

import numpy as np
import pytest
import xarray
from builders import alignment_files
from builders import variants as build

from genomehub.formats.vcf import write_gvcf, write_vcf
from genomehub.store import schema
from genomehub.store.variants import VariantStore

pytestmark = pytest.mark.parity

SITES = build.random_sites(300, seed=11)
BLOCKS = build.blocks_between(SITES)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A store, its VCF and its gVCF."""
    folder = tmp_path_factory.mktemp("files")
    sequences = {c.name: _with_alleles(c, i) for i, c in enumerate(build.CONTIGS)}
    reference = alignment_files.make_reference(folder / "ref", sequences)
    store = VariantStore.open(build.make_store(folder / "s.vcz", SITES, BLOCKS, contigs=reference.contigs))
    write_vcf(store, folder / "s.vcf.gz")
    write_gvcf(store, reference, folder / "s.g.vcf.gz")
    return folder


def _with_alleles(contig, index):
    """A random sequence in which every site has its REF."""
    letters = list(alignment_files.random_sequence(contig.length, index))
    for where, position, (ref, *_), _ in SITES:
        if where == index:
            letters[position - 1 : position - 1 + len(ref)] = ref
    return "".join(letters)


def run(*command):
    """Standard output of a command that must succeed without a word on standard error."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("name", ["s.vcf.gz", "s.g.vcf.gz"])
@pytest.mark.parametrize(
    "command", [["view"], ["stats"], ["view", "-r", "1:1000-20000"], ["query", "-f", "%POS\n"]]
)
def test_bcftools__reads_without_a_warning(folder, name, command):
    assert run("bcftools", *command, folder / name)


def test_bcftools__prints_back_what_we_wrote(folder):
    ours = run("bgzip", "-dc", folder / "s.vcf.gz").splitlines()
    theirs = run("bcftools", "view", "--no-version", folder / "s.vcf.gz").splitlines()
    assert [line for line in theirs if line[0] != "#"] == [line for line in ours if line[0] != "#"]
    assert len([line for line in ours if line[0] != "#"]) == len(SITES)


def test_bcftools__ref_agrees_with_the_reference(folder):
    for name in ("s.vcf.gz", "s.g.vcf.gz"):
        command = [
            "bcftools",
            "norm",
            "--check-ref",
            "e",
            "-f",
            folder / "ref" / "genome.fa.gz",
            folder / name,
        ]
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr


def test_vcztools__prints_the_same_records(folder):
    ours = run("bcftools", "view", "-H", folder / "s.vcf.gz").splitlines()
    theirs = run("vcztools", "view", "-H", folder / "s.vcz").splitlines()
    called = [i for i, line in enumerate(ours) if "\t./." not in line]
    assert [theirs[i] for i in called] == [ours[i] for i in called]
    assert len(called) == len(SITES)


def test_vcztools__region(folder):
    region = "2:1000-3000"
    ours = run("bcftools", "view", "-H", "-r", region, folder / "s.vcf.gz")
    assert run("vcztools", "view", "-H", "-r", region, folder / "s.vcz") == ours
    assert ours


def test_vcztools__header_says_the_same_fields(folder):
    ours = run("bcftools", "view", "-h", "--no-version", folder / "s.vcf.gz").splitlines()
    theirs = run("vcztools", "view", "-h", "--no-version", folder / "s.vcz").splitlines()

    def fields(lines):
        return {line for line in lines if line.startswith(("##INFO", "##FORMAT"))}

    assert fields(theirs) == fields(ours)
    assert {line.split(",")[0] for line in theirs if line.startswith("##FILTER")} == {
        line.split(",")[0] for line in ours if line.startswith("##FILTER")
    }


def test_xarray__genotypes_as_sgkit_wants_them(folder):
    dataset = xarray.open_zarr(folder / "s.vcz")
    genotype, mask = dataset["call_genotype"].values, dataset["call_genotype_mask"].values
    np.testing.assert_array_equal(mask, genotype < 0)
    assert dataset["call_genotype"].dims == ("variants", "samples", "ploidy")
    assert dataset["variant_allele"].dims == ("variants", "alleles")
    assert [str(name) for name in dataset["sample_id"].values] == ["S1"]
    assert {spec.name for spec in schema.STORED} == {str(name) for name in dataset.variables}


def test_files__few(folder):
    chunks = [
        path for path in (folder / "s.vcz").rglob("*") if path.is_file() and not path.name.startswith(".")
    ]
    assert len(chunks) == len(schema.STORED)  # one chunk per array: 5 M sites make 20 of each variant array
