"""Who the samples are: CSV and TSV tables, and GA4GH Phenopackets 2.0 in JSON."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from typing import Any

from genomehub.errors import InputError, TooLargeError
from genomehub.hub.intake.bounds import SAMPLES, TABLE_BYTES
from genomehub.hub.intake.facts import Facts, NotThatFormatError

#: Names of columns that hold a sample's name, in the order in which they count; and its sex.
_SAMPLE_COLUMNS = (
    "sample",
    "sample_id",
    "sample_name",
    "sampleid",
    "individual",
    "individual_id",
    "subject_id",
)
_SEX_COLUMNS = ("sex", "gender")
_SEXES = {
    "female": "female", "f": "female", "2": "female", "xx": "female",
    "male": "male", "m": "male", "1": "male", "xy": "male",
    "unknown": "unknown", "unknown_sex": "unknown", "other": "unknown", "other_sex": "unknown",
    "0": "unknown", "": "unknown", "na": "unknown", "n/a": "unknown", "nan": "unknown",
}  # fmt: skip
_SHOWN_COLUMNS = 500


def bounded_text(data: bytes, name: str) -> str:
    """Return the text of a table; it must be UTF-8 and of a size that a person could look through."""
    if len(data) > TABLE_BYTES:
        raise TooLargeError(f"{name}: is larger than {TABLE_BYTES >> 20} MiB; that is no table of samples.")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{name}: is not UTF-8 text ({error.reason}). Save it as UTF-8.") from error


def table_facts(data: bytes, name: str) -> Facts:
    """Return samples, sexes and columns of a CSV or TSV table with a line of names.

    Raises
    ------
    InputError
        A row has another number of fields, a sample stands twice, or a sex is not understood.
    """
    text = bounded_text(data, name)
    header = text.partition("\n")[0]
    delimiter = max("\t,;", key=header.count)
    csv.field_size_limit(1 << 20)
    try:
        rows = list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise InputError(f"{name}: is no table ({error}). Save it as CSV or TSV.") from error
    rows = [row for row in rows if any(field.strip() for field in row)]
    columns = [column.strip() for column in rows[0]] if rows else []
    lower = [column.lower().lstrip("#").replace(" ", "_") for column in columns]
    if len(columns) < 1 or len(set(lower)) < len(lower) or "" in lower:
        raise InputError(f"{name}: its first line must name the columns, each once.")
    sample_at = next((lower.index(one) for one in _SAMPLE_COLUMNS if one in lower), None)
    if sample_at is None:
        raise NotThatFormatError(
            f"{name}: has no column of samples ({', '.join(columns[:10])}); call it sample, sample_id or "
            "individual_id."
        )
    sex_at = next((lower.index(one) for one in _SEX_COLUMNS if one in lower), None)
    sexes: dict[str, str] = {}
    for number, row in enumerate(rows[1:], start=2):
        if len(row) != len(columns):
            raise InputError(f"{name}, line {number}: has {len(row)} fields; {len(columns)} are expected.")
        sample = row[sample_at].strip()
        if not sample or sample in sexes:
            seen = f"names sample {sample[:60]!r} again" if sample else "names no sample"
            raise InputError(f"{name}, line {number}: {seen}. One line for each sample is expected.")
        sexes[sample] = _sex(row[sex_at] if sex_at is not None else "", f"{name}, line {number}")
    if len(sexes) > SAMPLES:
        raise TooLargeError(f"{name}: names {len(sexes)} samples; at most {SAMPLES} are accepted.")
    known = {sample: sex for sample, sex in sexes.items() if sex != "unknown"}
    detail = {"n_rows": len(sexes), "columns": columns[:_SHOWN_COLUMNS], "n_columns": len(columns)}
    return Facts("table", samples=tuple(sexes), sexes=known, detail=detail)


def _sex(text: str, where: str) -> str:
    sex = _SEXES.get(text.strip().lower())
    if sex is None:
        raise InputError(f"{where}: the sex {text[:20]!r} is not understood. Say female, male or unknown.")
    return sex


def phenopacket_facts(data: bytes, name: str) -> Facts:
    """Return the subjects of a phenopacket, a family or a cohort of the GA4GH schema 2.0.

    Raises
    ------
    NotThatFormatError
        It is JSON, but no phenopacket.
    InputError
        It is no JSON, or lacks what the schema requires.
    """
    text = bounded_text(data, name)
    try:
        content = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{name}: is not valid JSON ({str(error)[:100]}).") from error
    if not isinstance(content, dict) or not {"metaData", "subject", "proband", "members"} & content.keys():
        raise NotThatFormatError(f"{name}: is JSON, but no phenopacket (it has no subject and no metaData).")
    packets = _packets(content, name)
    sexes: dict[str, str] = {}
    terms: dict[str, set[str]] = {"phenotypicFeatures": set(), "diseases": set()}
    for number, packet in enumerate(packets, start=1):
        where = f"{name}, phenopacket {number}"
        subject = packet.get("subject")
        if not isinstance(subject, dict) or not isinstance(subject.get("id"), str) or not subject["id"]:
            raise InputError(f"{where}: its subject has no id; Phenopackets 2.0 require it.")
        sexes[subject["id"]] = _SEXES.get(str(subject.get("sex", "")).lower(), "unknown")
        for sample in _objects(packet.get("biosamples"), where):
            if sample.get("individualId") not in (None, "", subject["id"]):
                raise InputError(f"{where}: a biosample is of another individual than its subject.")
        for field, found in terms.items():
            found.update(_term_ids(packet.get(field), "term" if field == "diseases" else "type", where))
    version = content.get("metaData", {}).get("phenopacketSchemaVersion")
    if not str(version or "2.0").startswith("2"):
        raise InputError(f"{name}: is of Phenopacket schema {version}; version 2 is accepted.")
    detail = {
        "n_packets": len(packets),
        "schema_version": version,
        **{f"n_{field}": len(found) for field, found in terms.items()},
    }
    known = {subject: sex for subject, sex in sexes.items() if sex != "unknown"}
    return Facts("phenopacket", samples=tuple(sexes), sexes=known, detail=detail)


def _packets(content: dict[str, Any], name: str) -> list[Mapping[str, Any]]:
    meta = content.get("metaData")
    if not isinstance(meta, dict) or not isinstance(meta.get("created"), str):
        raise InputError(f"{name}: its metaData has no date of creation; Phenopackets 2.0 require it.")
    if not isinstance(content.get("id"), str) or not content["id"]:
        raise InputError(f"{name}: has no id; Phenopackets 2.0 require it.")
    if "members" in content:
        packets: list[Mapping[str, Any]] = list(_objects(content["members"], name))
    elif "proband" in content:
        packets = [*_objects([content["proband"]], name), *_objects(content.get("relatives"), name)]
    else:
        packets = [content]
    if not packets:
        raise InputError(f"{name}: is a cohort without members.")
    return packets


def _objects(value: Any, where: str) -> Iterable[Mapping[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise InputError(f"{where}: a list of objects is expected where there is something else.")
    return value


def _term_ids(value: Any, key: str, where: str) -> Iterable[str]:
    for item in _objects(value, where):
        term = item.get(key)
        identifier = term.get("id") if isinstance(term, dict) else None
        if not isinstance(identifier, str) or ":" not in identifier:
            raise InputError(f"{where}: a {key} has no id such as HP:0001250.")
        yield identifier
