"""Small results to register: files with given content, and records without files."""

import hashlib
from pathlib import Path
from typing import Any

from genomehub.hub.checksums import describe_files
from genomehub.hub.records import FileRecord, ReferenceRecord, Result

REFERENCE = ReferenceRecord("kH1a8vFh2hNGLuIBRuVbkCcTyfWHFbwN", "GRCh38", 25, 3_088_286_401)


def record(kind: str, content: str, folder: str | Path = "/data") -> FileRecord:
    """A file record made from its content, without a file."""
    digest = hashlib.sha256(content.encode()).hexdigest()
    return FileRecord(kind, Path(folder) / f"{digest[:8]}.{kind}", len(content), digest)


def result(content: str = "reads", sample: str = "NA12878", **fields: Any) -> Result:
    """A result of one BAM of the given content, without a file."""
    return Result(files=(record("bam", content),), samples=(sample,), **fields)


def written(folder: Path, sample: str = "NA12878", content: str = "calls", **fields: Any) -> Result:
    """A result whose files, a VCF and a store of two chunks, are really in ``folder``."""
    store = folder / f"{sample}.vcz"
    (store / "call_genotype").mkdir(parents=True, exist_ok=True)
    (store / "zarr.json").write_text("{}")
    (store / "call_genotype" / "0").write_text(content)
    (folder / f"{sample}.vcf").write_text(f"##{content}\n")
    files = [("vcz", store), ("vcf", folder / f"{sample}.vcf")]
    return Result(files=describe_files(files), samples=(sample,), **fields)
