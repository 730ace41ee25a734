"""The DUO match, code by code."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

from genomehub.errors import InputError, NotFoundError
from genomehub.hub.access.diseases import OWN, read_diseases, write_table
from genomehub.hub.access.duo import CODES, Answer, Asked, Terms, Use, match, shorthand, unknown_codes

BY_NAME = {short: f"DUO:{code}" for code, (short, _) in CODES.items()}
DIABETES, CANCER = "MONDO:0005015", "MONDO:0004992"
MET, NOT, UNCLEAR = Answer.MET, Answer.NOT_MET, Answer.UNCLEAR


def ask(codes="", *, people=("ada@hub.test",), study="s-1", until=datetime(2028, 1, 31, tzinfo=UTC), **use):
    return Asked(
        duo=[BY_NAME[code] for code in codes.split()], use=Use(**use), people=list(people), study=study,
        starts=datetime(2027, 1, 31, tzinfo=UTC), until=until,
    )  # fmt: skip


def answer(dataset, terms, asked):
    found = match([BY_NAME[code] for code in dataset.split()], Terms(**terms), asked)
    assert all(verdict.why for verdict in found.verdicts)
    return found.answer


@pytest.mark.parametrize(
    ("dataset", "terms", "asked", "expected"),
    [
        ("NRES", {}, ask(), MET),
        ("GRU", {}, ask(), MET),
        ("GRU", {}, ask("POA"), MET),
        ("GRU", {}, ask(clinical_care=True), NOT),
        ("GRU CC", {}, ask("HMB"), MET),
        ("HMB", {}, ask("HMB"), MET),
        ("HMB", {}, ask("DS"), MET),
        ("HMB", {}, ask("GRU"), UNCLEAR),
        ("HMB", {}, ask(health=True), MET),
        ("HMB", {}, ask(health=False), NOT),
        ("HMB", {}, ask("HMB", ancestry=True), NOT),
        ("HMB", {}, ask("POA"), NOT),
        ("DS", {"diseases": [DIABETES]}, ask("DS", diseases=[DIABETES]), MET),
        ("DS", {"diseases": [DIABETES]}, ask("DS", diseases=[CANCER]), UNCLEAR),
        ("DS", {"diseases": [DIABETES]}, ask("DS", diseases=[CANCER, DIABETES]), UNCLEAR),
        ("DS", {"diseases": [DIABETES]}, ask("HMB"), NOT),
        ("DS", {"diseases": [DIABETES]}, ask("DS", diseases=[DIABETES], ancestry=True), NOT),
        ("DS", {}, ask("DS", diseases=[DIABETES]), UNCLEAR),
        ("POA", {}, ask("POA"), MET),
        ("POA", {}, ask("HMB"), UNCLEAR),
        ("POA", {}, ask(ancestry=False), NOT),
        ("GRU NPOA", {}, ask(ancestry=False), MET),
        ("GRU NPOA", {}, ask("POA"), NOT),
        ("GRU NPOA", {}, ask(), UNCLEAR),
        ("GRU NMDS", {}, ask(methods=True), NOT),
        ("GRU NMDS", {}, ask(methods=False), MET),
        ("GRU GSO", {}, ask(genetic=True), MET),
        ("GRU GSO", {}, ask(genetic=False), NOT),
        ("GRU GSO", {}, ask(), UNCLEAR),
        ("GRU RS", {"research": "ageing"}, ask(research="ageing"), UNCLEAR),
        ("GRU RS", {}, ask(), UNCLEAR),
        ("GRU NPU", {}, ask(profit=True), NOT),
        ("GRU NPU", {}, ask(profit=False, commercial=True), MET),
        ("GRU NCU", {}, ask(commercial=True), NOT),
        ("GRU NCU", {}, ask(commercial=False, profit=True), MET),
        ("GRU NPUNCU", {}, ask(profit=False, commercial=False), MET),
        ("GRU NPUNCU", {}, ask(profit=True, commercial=False), NOT),
        ("GRU NPUNCU", {}, ask(profit=False, commercial=True), NOT),
        ("GRU NPUNCU", {}, ask(profit=False), UNCLEAR),
        ("GRU PUB", {}, ask(publishes=True), MET),
        ("GRU PUB", {}, ask(publishes=False), NOT),
        ("GRU COL", {}, ask(collaborates=True), MET),
        ("GRU COL", {}, ask(), UNCLEAR),
        ("GRU RTN", {}, ask(returns_data=False), NOT),
        ("GRU IRB", {}, ask(), NOT),
        ("GRU IRB", {}, ask(ethics_approval="CPP 2026-11"), UNCLEAR),
        ("GRU GS", {"countries": ["FR", "BE"]}, ask(country="FR"), MET),
        ("GRU GS", {"countries": ["FR", "BE"]}, ask(country="US"), NOT),
        ("GRU GS", {"countries": ["FR"]}, ask(), UNCLEAR),
        ("GRU GS", {}, ask(country="FR"), UNCLEAR),
        ("GRU MOR", {"not_before": date(2027, 6, 1)}, ask(publishes_from=date(2027, 6, 1)), MET),
        ("GRU MOR", {"not_before": date(2027, 6, 1)}, ask(publishes_from=date(2027, 5, 31)), NOT),
        ("GRU MOR", {}, ask(publishes_from=date(2027, 5, 31)), UNCLEAR),
        ("GRU TS", {"months": 12}, ask(), MET),
        ("GRU TS", {"months": 11}, ask(), NOT),
        ("GRU TS", {"months": 13}, ask(until=datetime(2028, 2, 29, tzinfo=UTC)), MET),
        ("GRU TS", {}, ask(), UNCLEAR),
        ("GRU US", {"people": ["Ada@hub.test"]}, ask(), MET),
        ("GRU US", {"people": ["eve@hub.test"]}, ask(), NOT),
        ("GRU US", {"people": ["ada@hub.test"]}, ask(people=["ada@hub.test", "eve@hub.test"]), NOT),
        ("GRU PS", {"studies": ["s-1"]}, ask(), MET),
        ("GRU PS", {"studies": ["s-2"]}, ask(), NOT),
        ("GRU IS", {"institutions": ["AP-HP"]}, ask(institution="ap-hp"), MET),
        ("GRU IS", {"institutions": ["AP-HP"]}, ask(institution="Other"), NOT),
        ("GRU IS", {"institutions": ["AP-HP"]}, ask(), UNCLEAR),
        ("", {}, ask(), UNCLEAR),
        ("NPU", {}, ask(profit=False), UNCLEAR),  # no permission says what for
        ("GRU NPU IRB", {}, ask(), NOT),  # the worst answer counts
    ],
)
def test_match(dataset, terms, asked, expected):
    assert answer(dataset, terms, asked) is expected


def test_match__explains_each_code():
    found = match([BY_NAME["GRU"], BY_NAME["GS"]], Terms(countries=["FR"]), ask(country="US"))
    assert [(verdict.shorthand, verdict.answer, verdict.why) for verdict in found.verdicts] == [
        ("GRU", MET, "any research is allowed"),
        ("GS", NOT, "only in FR; they work in US"),
    ]


def test_match__every_code_has_a_rule():
    for code in BY_NAME.values():
        verdicts = match([code], Terms(), ask()).verdicts
        assert all("not in DUO" not in verdict.why for verdict in verdicts)
    assert "not in DUO" in match(["DUO:9999999"], Terms(), ask()).verdicts[1].why
    assert unknown_codes(["DUO:0000042", "DUO:9999999"]) == ["DUO:9999999"]
    assert shorthand("DUO:9999999") == "DUO:9999999"


def test_terms__are_checked():
    for wrong in ({"diseases": ["diabetes"]}, {"countries": ["France"]}, {"months": 0}, {"other": 1}):
        with pytest.raises(ValidationError):
            Terms(**wrong)


# ---------------------------------------------------------------------------------------- MONDO's tree

LUNG_ADENOCARCINOMA, NSCLC, LUNG_CANCER = "MONDO:0005061", "MONDO:0005233", "MONDO:0008903"
TYPE_2, UNHEARD = "MONDO:0005148", "MONDO:9999999"


@pytest.mark.parametrize(
    ("allowed", "asked", "expected", "why"),
    [
        ([LUNG_CANCER], [LUNG_CANCER], MET, "the study is on MONDO:0008903"),
        (
            [LUNG_CANCER], [LUNG_ADENOCARCINOMA], MET,
            "by MONDO's tree (release 2026-05-05), lung adenocarcinoma (MONDO:0005061) is a kind of what is "
            "allowed: lung cancer (MONDO:0008903)",
        ),
        ([CANCER], [LUNG_ADENOCARCINOMA, NSCLC, CANCER], MET, "is a kind of what is allowed: cancer"),
        ([DIABETES, CANCER], [TYPE_2, NSCLC], MET, "type 2 diabetes mellitus (MONDO:0005148)"),
        ([NSCLC], [LUNG_CANCER], NOT, "lung cancer (MONDO:0008903) is broader than what is allowed"),
        ([CANCER], [LUNG_CANCER, TYPE_2], NOT, "type 2 diabetes mellitus (MONDO:0005148) is no kind of"),
        ([CANCER], [UNHEARD], UNCLEAR, "does not know MONDO:9999999; look whether MONDO:9999999 is a kind"),
        ([UNHEARD], [TYPE_2], UNCLEAR, "MONDO's tree (release 2026-05-05) does not know MONDO:9999999"),
        ([UNHEARD, CANCER], [LUNG_CANCER], MET, "is a kind of what is allowed: MONDO:9999999, cancer"),
    ],
)  # fmt: skip
def test_match__asks_the_tree(allowed, asked, expected, why):
    request = ask("DS", diseases=asked).model_copy(update={"tree": read_diseases()})
    found = match([BY_NAME["DS"]], Terms(diseases=allowed), request)
    assert (found.answer, why in found.verdicts[0].why) == (expected, True), found.verdicts[0].why


def test_match__says_where_no_tree_was_asked():
    found = match([BY_NAME["DS"]], Terms(diseases=[CANCER]), ask("DS", diseases=[LUNG_CANCER]))
    assert "MONDO's tree was not asked; look whether it is a kind of it" in found.verdicts[0].why


def test_tree__comes_with_the_program():
    tree = read_diseases()
    assert (tree.release, len(tree.labels)) == ("2026-05-05", 27_990)
    assert sum(map(len, tree.parents.values())) == 41_908
    assert all(parent in tree for above in tree.parents.values() for parent in above)
    assert OWN.stat().st_size < 2**20
    assert not tree.is_kind(UNHEARD, CANCER)
    assert tree.is_kind(UNHEARD, UNHEARD)


OBO = """format-version: 1.2
data-version: http://purl.obolibrary.org/obo/mondo/releases/2026-08-04/mondo.obo
ontology: mondo

[Term]
id: MONDO:0000001
name: disease

[Term]
id: MONDO:0005233
name: non-small cell lung carcinoma
def: "A group of ..." [NCIT:C2926]
is_a: MONDO:0005138 {source="NCIT:C2926"} ! lung carcinoma
is_a: MONDO:0000001 ! disease
intersection_of: MONDO:0000001 ! disease

[Term]
id: MONDO:0005138
name: lung carcinoma
is_a: MONDO:0000001 ! disease

[Term]
id: MONDO:0000002
name: obsolete thing
is_obsolete: true

[Term]
id: HP:0000118
name: Phenotypic abnormality

[Typedef]
id: disease_has_location
name: disease has location
"""


def test_tree__of_another_release(tmp_path):
    """As MONDO publishes it; written as ours and read again, it is the same."""
    (tmp_path / "mondo.obo").write_text(OBO)
    tree = read_diseases(tmp_path / "mondo.obo")
    assert tree.release == "2026-08-04"
    assert tree.labels.keys() == {"MONDO:0000001", "MONDO:0005233", "MONDO:0005138"}
    assert tree.is_kind("MONDO:0005233", "MONDO:0000001")
    assert not tree.is_kind("MONDO:0005138", "MONDO:0005233")
    write_table(tree, tmp_path / "mondo.tsv.gz")
    again = read_diseases(tmp_path / "mondo.tsv.gz")
    assert (again.release, again.labels) == (tree.release, tree.labels)
    assert {code: set(above) for code, above in again.parents.items()} == {
        code: set(above) for code, above in tree.parents.items()
    }


@pytest.mark.parametrize(
    ("content", "error", "sentence"),
    [
        (None, NotFoundError, r"mondo.obo: no such file of diseases\. Check the setting mondo"),
        (b"<rdf:RDF>", InputError, r"is no mondo\.obo\. Get it from https://github.com/monarch"),
        (b"format-version: 1.2\n", InputError, r"names no disease of MONDO"),
        (b"\x1f\x8bdamaged", InputError, r"is damaged"),
        (b"\xff\xfe", InputError, r"is damaged"),
    ],
)
def test_tree__that_is_none(tmp_path, content, error, sentence):
    if content is not None:
        (tmp_path / "mondo.obo").write_bytes(content)
    with pytest.raises(error, match=sentence):
        read_diseases(tmp_path / "mondo.obo")
