"""The DUO match, code by code."""

from datetime import UTC, date, datetime

import pytest
from pydantic import ValidationError

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
