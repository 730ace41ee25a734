"""The R package: installed by R, documented whole, and used against a served hub."""

import os
import subprocess
from pathlib import Path

import pytest
from builders.hub_server import serving

PACKAGE = Path(__file__).parents[2] / "clients" / "r" / "genomehub"

USE = """
library(genomehub)
h <- hub(); stopifnot(inherits(h, "genomehub"))
found <- hub_search(h, "open-door", limit = 10)
stopifnot(nrow(found) == 1, attr(found, "total") == 1, found$title == "Data set open-door")
id <- found$id
stopifnot(hub_dataset(h, id)$uuid == id)
files <- hub_files(h, id)
bam <- files[files$name == "open-door.bam", ]
whole <- hub_download(h, bam$id, "got")
stopifnot(file.size(whole) == bam$size)
part <- readBin(whole, "raw", 1000); unlink(whole); writeBin(part, paste0(whole, ".part"))
again <- hub_download(h, bam$id, "got")
stopifnot(as.character(openssl::sha256(file(again, "rb"))) == bam$sha256)
stopifnot(!file.exists(paste0(again, ".part")))
writeBin(charToRaw("mine"), file.path("got", "open-door.vcf.gz"))
vcf <- files[files$name == "open-door.vcf.gz", ]
refused <- tryCatch(hub_download(h, vcf$id, "got"), error = conditionMessage)
stopifnot(grepl("another file is there", refused))
writeBin(charToRaw("not it"), file.path("got", "open-door.vcf.gz.tbi.part"))
tbi <- files[files$name == "open-door.vcf.gz.tbi", ]
thrown <- tryCatch(hub_download(h, tbi$id, "got"), error = conditionMessage)
stopifnot(grepl("thrown away", thrown))
v <- hub_variants(h, id, "20:10,000,000-10,010,000")
stopifnot(is.data.frame(v), nrow(v) > 3, all(v$POS >= 10000000 & v$POS <= 10010000), v$CHROM == "20")
stopifnot(nrow(hub_variants(h, id)) > nrow(v), nrow(hub_variants(h, id, "20:1-2")) == 0)
none <- tryCatch(hub_dataset(h, "nothing"), genomehub_not_found = conditionMessage)
stopifnot(grepl("no such data set", none))
visitor <- hub(token = "")
closed <- tryCatch(hub_download(visitor, bam$id, tempdir()), genomehub_not_authenticated = conditionMessage)
stopifnot(grepl("log in", closed))
wrong <- tryCatch(hub("hub.example.org"), error = conditionMessage)
stopifnot(grepl("is no address of a hub", wrong))
region <- tryCatch(hub_variants(h, id, "20:x"), error = conditionMessage)
stopifnot(grepl("is no region", region))
cat(nrow(v), "variants\\n")
"""


def r(*arguments, cwd, environment=None):
    done = subprocess.run(
        arguments,
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    """A library with the package, installed as users do."""
    folder = tmp_path_factory.mktemp("library")
    r("R", "CMD", "INSTALL", "--no-test-load", "-l", str(folder), str(PACKAGE), cwd=folder)
    return folder


def test_package__is_documented_as_it_is(library):
    code = (
        f"library(genomehub, lib.loc = '{library}');"
        "stopifnot(length(unlist(tools::undoc('genomehub', lib.loc = .libPaths()[1])$`code objects`)) == 0);"
        "wrong <- tools::codoc('genomehub'); stopifnot(length(wrong) == 0);"
        f"cat(length(tools::checkRd('{PACKAGE}/man/hub.Rd')))"
    )
    out = r("Rscript", "-e", code, cwd=library, environment={"R_LIBS": str(library)})
    assert out == "0"


def test_package__used_against_a_hub(library, sqlite_world, tmp_path):
    sqlite_world.permit("researcher", "open-door")
    (tmp_path / "got").mkdir()
    (tmp_path / "use.R").write_text(USE)
    with serving(sqlite_world.hub) as address:
        environment = {
            "R_LIBS": str(library),
            "GENOMEHUB_HUB_URL": address,
            "GENOMEHUB_HUB_TOKEN": sqlite_world.tokens["researcher"],
        }
        out = r("Rscript", "use.R", cwd=tmp_path, environment=environment)
    assert out.endswith("variants\n")
