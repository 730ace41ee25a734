"""Does a purpose fit what a data set may be used for? The Data Use Ontology, code by code, with reasons.

Codes and their meaning: DUO (EBISPOT/DUO, CC BY 4.0, release of 2021-02-23). A *permission* says what for
(GRU, HMB, DS, POA, NRES), *modifiers* say under which conditions. The match advises; a human decides. Where a
machine cannot know (is the ethics approval a good one?), it says so.
"""

import enum
from collections.abc import Iterable
from datetime import date, datetime
from typing import Annotated

import annotated_types
from pydantic import BaseModel, Field, PrivateAttr, SkipValidation, StringConstraints

from genomehub.hub.access.diseases import Diseases

#: code without prefix -> shorthand, label
CODES: dict[str, tuple[str, str]] = {
    "0000004": ("NRES", "no restriction"),
    "0000042": ("GRU", "general research use"),
    "0000006": ("HMB", "health or medical or biomedical research"),
    "0000007": ("DS", "disease specific research"),
    "0000011": ("POA", "population origins or ancestry research only"),
    "0000044": ("NPOA", "population origins or ancestry research prohibited"),
    "0000015": ("NMDS", "no general methods research"),
    "0000016": ("GSO", "genetic studies only"),
    "0000012": ("RS", "research specific restrictions"),
    "0000043": ("CC", "clinical care use"),
    "0000045": ("NPU", "not for profit organisation use only"),
    "0000046": ("NCU", "non-commercial use only"),
    "0000018": ("NPUNCU", "not for profit, non commercial use only"),
    "0000019": ("PUB", "publication required"),
    "0000020": ("COL", "collaboration required"),
    "0000021": ("IRB", "ethics approval required"),
    "0000022": ("GS", "geographical restriction"),
    "0000024": ("MOR", "publication moratorium"),
    "0000025": ("TS", "time limit on use"),
    "0000026": ("US", "user specific restriction"),
    "0000027": ("PS", "project specific restriction"),
    "0000028": ("IS", "institution specific restriction"),
    "0000029": ("RTN", "return to database or resource"),
}
PERMISSIONS = frozenset({"NRES", "GRU", "HMB", "DS", "POA"})

_NO_NUL = r"^[^\x00]*$"
Code = Annotated[str, StringConstraints(pattern=r"^DUO:\d{7}$")]
Disease = Annotated[str, StringConstraints(pattern=r"^MONDO:\d{7}$")]
Country = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
Words = Annotated[
    str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=_NO_NUL)
]
Many = annotated_types.MaxLen(100)


class Terms(BaseModel, extra="forbid"):
    """What the codes of a data set leave open; its steward writes it.

    diseases (DS), countries (GS), institutions (IS), people (US; e-mail addresses),
    studies (PS; identifiers), research (RS; in words), months (TS), not_before (MOR)
    """

    diseases: Annotated[list[Disease], Many] = []
    countries: Annotated[list[Country], Many] = []
    institutions: Annotated[list[Words], Many] = []
    people: Annotated[list[Words], Many] = []
    studies: Annotated[list[Words], Many] = []
    research: Annotated[str, StringConstraints(max_length=2000, pattern=_NO_NUL)] = ""
    months: Annotated[int, Field(ge=1, le=600)] | None = None
    not_before: date | None = None


class Use(BaseModel, extra="forbid"):
    """What a study says of its use of the data; each field answers codes. None: not said.

    diseases : it is about (MONDO); ancestry : whether it is about population origins or ancestry
    methods : whether it develops methods only; genetic : whether genotypes are studied
    clinical_care : whether it is for the care of patients
    commercial : whether its purpose is commercial; profit : whether its organisation is for profit
    ethics_approval : reference of the approval; publishes, collaborates, returns_data : promises
    country, institution : where the people work; research : in words, for RS
    publishes_from : the first day of publication
    """

    diseases: Annotated[list[Disease], Many] = []
    health: bool | None = None
    ancestry: bool | None = None
    methods: bool | None = None
    genetic: bool | None = None
    clinical_care: bool | None = None
    commercial: bool | None = None
    profit: bool | None = None
    ethics_approval: Annotated[str, StringConstraints(max_length=500, pattern=_NO_NUL)] = ""
    publishes: bool | None = None
    collaborates: bool | None = None
    returns_data: bool | None = None
    country: Country | None = None
    institution: Annotated[str, StringConstraints(max_length=200, pattern=_NO_NUL)] = ""
    research: Annotated[str, StringConstraints(max_length=2000, pattern=_NO_NUL)] = ""
    publishes_from: date | None = None


class Asked(BaseModel):
    """A request, as the match sees it: its codes, what it says of the use, who, for which study, how long.

    tree : of diseases, to be asked whether one is a kind of another; None: a human must look
    """

    duo: list[str]
    use: Use
    people: list[str]
    study: str
    starts: datetime
    until: datetime
    tree: SkipValidation[Diseases | None] = None


class Answer(enum.StrEnum):
    """Of one code."""

    MET = "met"
    NOT_MET = "not met"
    UNCLEAR = "unclear"  # a human must look


class Why(str):
    """A sentence; ``said`` is it before ``values`` were put in, for pages to say it in other languages."""

    said: str
    values: dict[str, str]

    def __new__(cls, said: str, **values: str) -> "Why":
        made = super().__new__(cls, said % values if values else said)
        made.said, made.values = said, values
        return made


class Verdict(BaseModel):
    """What the match says of one code of a data set, and why."""

    code: str
    shorthand: str
    label: str
    answer: Answer
    why: str

    _because: Why = PrivateAttr()

    @classmethod
    def because(cls, code: str, short: str, label: str, answer: Answer, why: Why) -> "Verdict":
        """Return a verdict that keeps how its reason was made."""
        made = cls(code=code, shorthand=short, label=label, answer=answer, why=why)
        made._because = why
        return made

    @property
    def reason(self) -> Why:
        """Why, as it was made."""
        return self._because


class Match(BaseModel):
    """The match of a request with a data set: the worst answer of any code."""

    answer: Answer
    verdicts: list[Verdict]


def shorthand(code: str) -> str:
    """Return the shorthand of a code; the code itself if it is unknown.

    >>> shorthand("DUO:0000006")
    'HMB'
    """
    return CODES.get(code.removeprefix("DUO:"), (code, ""))[0]


def unknown_codes(codes: Iterable[str]) -> list[str]:
    """Return codes that DUO does not have."""
    return [code for code in codes if code.removeprefix("DUO:") not in CODES]


def match(duo: Iterable[str], terms: Terms, asked: Asked) -> Match:
    """Compare a data set's codes and terms with a request.

    >>> asked = Asked(duo=["DUO:0000006"], use=Use(), people=[], study="", starts=datetime(2027, 1, 1),
    ...               until=datetime(2028, 1, 1))
    >>> match(["DUO:0000042"], Terms(), asked).answer.value
    'met'
    """
    codes = list(dict.fromkeys(duo))
    verdicts = [_verdict(code, terms, asked) for code in codes]
    if not any(shorthand(code) in PERMISSIONS for code in codes):
        why = Why("the data set does not say what it may be used for")
        verdicts.insert(0, Verdict.because("", "", "permission", Answer.UNCLEAR, why))
    answers = {verdict.answer for verdict in verdicts}
    worst = next(a for a in (Answer.NOT_MET, Answer.UNCLEAR, Answer.MET) if a in answers)
    return Match(answer=worst, verdicts=verdicts)


def _verdict(code: str, terms: Terms, asked: Asked) -> Verdict:
    short, label = CODES.get(code.removeprefix("DUO:"), (code, "unknown code"))
    rule = _RULES.get(short)
    answer, why = rule(terms, asked) if rule else (Answer.UNCLEAR, Why("this code is not in DUO"))
    return Verdict.because(code, short, label, answer, why)


Result = tuple[Answer, Why]
UNSAID = Why("the request does not say")


def _said(asked: Asked) -> set[str]:
    return {shorthand(code) for code in asked.duo}


def _is_ancestry(asked: Asked) -> bool | None:
    return True if "POA" in _said(asked) else asked.use.ancestry


def _is_health(asked: Asked) -> bool | None:
    if _said(asked) & {"HMB", "DS"} or asked.use.diseases:
        return True
    return asked.use.health


def _yes(value: bool | None, met: Why, not_met: Why, unsaid: Why = UNSAID) -> Result:
    if value is None:
        return Answer.UNCLEAR, unsaid
    return (Answer.MET, met) if value else (Answer.NOT_MET, not_met)


def _no(value: bool | None, met: Why, not_met: Why, unsaid: Why) -> Result:
    return _yes(None if value is None else not value, met, not_met, unsaid)


def _anything(terms: Terms, asked: Asked) -> Result:
    return Answer.MET, Why("any use is allowed")


def _research(terms: Terms, asked: Asked) -> Result:
    if asked.use.clinical_care and not _said(asked) & {"GRU", "HMB", "DS", "POA"}:
        return Answer.NOT_MET, Why("the data are for research; the request is for clinical care only")
    return Answer.MET, Why("any research is allowed")


def _health(terms: Terms, asked: Asked) -> Result:
    if _is_ancestry(asked):
        return Answer.NOT_MET, Why(
            "health research does not include the study of population origins or ancestry"
        )
    return _yes(
        _is_health(asked),
        Why("the purpose is health, medical or biomedical research"),
        Why("the purpose is not health, medical or biomedical research"),
        Why("the request does not say whether it is health research"),
    )


def _disease(terms: Terms, asked: Asked) -> Result:
    if _is_ancestry(asked):
        return Answer.NOT_MET, Why(
            "disease research does not include the study of population origins or ancestry"
        )
    if not terms.diseases:
        return Answer.UNCLEAR, Why("the data set does not say for which disease")
    wanted = set(asked.use.diseases)
    if not wanted:
        return Answer.NOT_MET, Why(
            "only research on %(allowed)s; the request names no disease", allowed=", ".join(terms.diseases)
        )
    others = sorted(wanted - set(terms.diseases))
    if not others:
        return Answer.MET, Why("the study is on %(diseases)s", diseases=", ".join(sorted(wanted)))
    if asked.tree is None:
        return Answer.UNCLEAR, Why(
            "allowed: %(allowed)s; asked: %(asked)s. MONDO's tree was not asked; look whether it is a kind "
            "of it",
            allowed=", ".join(terms.diseases),
            asked=", ".join(others),
        )
    return _kinds(terms.diseases, others, asked.tree)


def _kinds(allowed: list[str], asked: list[str], tree: Diseases) -> Result:
    """Say whether each disease is a kind of one that is allowed."""
    told = {"release": tree.release, "allowed": tree.called(allowed)}
    others = [one for one in asked if not any(tree.is_kind(one, broad) for broad in allowed)]
    if not others:
        return Answer.MET, Why(
            "by MONDO's tree (release %(release)s), %(asked)s is a kind of what is allowed: %(allowed)s",
            asked=tree.called(asked),
            **told,
        )
    if unknown := [one for one in (*others, *allowed) if one not in tree]:
        return Answer.UNCLEAR, Why(
            "MONDO's tree (release %(release)s) does not know %(unknown)s; look whether %(asked)s is a kind "
            "of what is allowed: %(allowed)s",
            unknown=", ".join(unknown),
            asked=tree.called(others),
            **told,
        )
    if broader := [one for one in others if any(tree.is_kind(narrow, one) for narrow in allowed)]:
        return Answer.NOT_MET, Why(
            "by MONDO's tree (release %(release)s), %(asked)s is broader than what is allowed: %(allowed)s",
            asked=tree.called(broader),
            **told,
        )
    return Answer.NOT_MET, Why(
        "by MONDO's tree (release %(release)s), %(asked)s is no kind of what is allowed: %(allowed)s",
        asked=tree.called(others),
        **told,
    )


def _ancestry_only(terms: Terms, asked: Asked) -> Result:
    return _yes(
        _is_ancestry(asked),
        Why("the study is on population origins or ancestry"),
        Why("only the study of population origins or ancestry is allowed"),
        Why("the request does not say whether it is on population origins or ancestry"),
    )


def _no_ancestry(terms: Terms, asked: Asked) -> Result:
    return _no(
        _is_ancestry(asked),
        Why("the study is not on population origins or ancestry"),
        Why("the study of population origins or ancestry is prohibited"),
        Why("the request does not say whether it is on population origins or ancestry"),
    )


def _no_methods(terms: Terms, asked: Asked) -> Result:
    return _no(
        asked.use.methods,
        Why("the study does not only develop methods"),
        Why("the development of methods is not allowed"),
        Why("the request does not say whether it develops methods"),
    )


def _genetic(terms: Terms, asked: Asked) -> Result:
    return _yes(
        asked.use.genetic,
        Why("genotypes are studied"),
        Why("only genetic studies are allowed"),
        Why("the request does not say whether it is a genetic study"),
    )


def _specific(terms: Terms, asked: Asked) -> Result:
    if not terms.research:
        return Answer.UNCLEAR, Why("the data set does not say which research is allowed")
    if not asked.use.research:
        return Answer.UNCLEAR, Why("allowed: “%(allowed)s”; the request does not say", allowed=terms.research)
    return Answer.UNCLEAR, Why(
        "allowed: “%(allowed)s”; asked: “%(asked)s”", allowed=terms.research, asked=asked.use.research
    )


def _care(terms: Terms, asked: Asked) -> Result:
    return Answer.MET, Why("clinical care is allowed, beside what the permission says")


def _not_for_profit(terms: Terms, asked: Asked) -> Result:
    return _no(
        asked.use.profit,
        Why("the organisation is not for profit"),
        Why("only organisations that are not for profit may use the data"),
        Why("the request does not say whether its organisation is for profit"),
    )


def _not_commercial(terms: Terms, asked: Asked) -> Result:
    return _no(
        asked.use.commercial,
        Why("the use is not commercial"),
        Why("commercial use is not allowed"),
        Why("the request does not say whether its use is commercial"),
    )


def _neither(terms: Terms, asked: Asked) -> Result:
    both = (_not_for_profit(terms, asked), _not_commercial(terms, asked))
    return next(
        (result for wanted in (Answer.NOT_MET, Answer.UNCLEAR) for result in both if result[0] is wanted),
        (Answer.MET, Why("the organisation is not for profit, the use not commercial")),
    )


def _publishes(terms: Terms, asked: Asked) -> Result:
    return _yes(
        asked.use.publishes,
        Why("they promise to publish"),
        Why("results must be published; they do not promise it"),
        Why("the request does not say whether results are published"),
    )


def _collaborates(terms: Terms, asked: Asked) -> Result:
    return _yes(
        asked.use.collaborates,
        Why("they agree to collaborate with the data's investigators"),
        Why("collaboration with the data's investigators is required"),
        Why("the request does not say whether they agree to collaborate"),
    )


def _returns(terms: Terms, asked: Asked) -> Result:
    return _yes(
        asked.use.returns_data,
        Why("they promise to return derived data"),
        Why("derived data must be returned; they do not promise it"),
        Why("the request does not say whether derived data are returned"),
    )


def _ethics(terms: Terms, asked: Asked) -> Result:
    if not asked.use.ethics_approval.strip():
        return Answer.NOT_MET, Why("an ethics approval is required; the request names none")
    return Answer.UNCLEAR, Why(
        "look at the approval that they name: “%(approval)s”", approval=asked.use.ethics_approval
    )


def _country(terms: Terms, asked: Asked) -> Result:
    if not terms.countries or asked.use.country is None:
        return Answer.UNCLEAR, Why(
            "the data set names no country, or the request does not say where they work"
        )
    allowed = ", ".join(terms.countries)
    return _yes(
        asked.use.country in terms.countries,
        Why("they work in %(country)s", country=asked.use.country),
        Why("only in %(allowed)s; they work in %(country)s", allowed=allowed, country=asked.use.country),
    )


def _one_of(allowed: list[str], given: list[str]) -> Result:
    """Say whether all that is given is among what is allowed, in upper or lower case."""
    if not allowed:
        return Answer.UNCLEAR, Why("the data set does not say who may use it")
    known = {name.casefold() for name in allowed}
    others = [name for name in given if name.casefold() not in known]
    if not given:
        return Answer.UNCLEAR, Why("the request does not say who they are")
    if others:
        return Answer.NOT_MET, Why("not among those allowed: %(others)s", others=", ".join(others))
    return Answer.MET, Why("among those allowed: %(given)s", given=", ".join(given))


def _institution(terms: Terms, asked: Asked) -> Result:
    return _one_of(terms.institutions, [asked.use.institution] if asked.use.institution else [])


def _users(terms: Terms, asked: Asked) -> Result:
    return _one_of(terms.people, asked.people)


def _project(terms: Terms, asked: Asked) -> Result:
    return _one_of(terms.studies, [asked.study])


def _months(terms: Terms, asked: Asked) -> Result:
    if terms.months is None:
        return Answer.UNCLEAR, Why("the data set does not say for how many months")
    year, month = divmod(asked.starts.month - 1 + terms.months, 12)
    day = min(asked.starts.day, _days(asked.starts.year + year, month + 1))
    last = asked.starts.replace(year=asked.starts.year + year, month=month + 1, day=day)
    told = {"months": str(terms.months), "last": f"{last:%Y-%m-%d}", "until": f"{asked.until:%Y-%m-%d}"}
    return _yes(
        asked.until <= last,
        Why("asked until %(until)s, at most %(months)s months", **told),
        Why("at most %(months)s months (until %(last)s); asked until %(until)s", **told),
    )


def _days(year: int, month: int) -> int:
    first = date(year + month // 12, month % 12 + 1, 1)
    return (first - date(year, month, 1)).days


def _moratorium(terms: Terms, asked: Asked) -> Result:
    if terms.not_before is None or asked.use.publishes_from is None:
        return Answer.UNCLEAR, Why(
            "the data set or the request does not say from when results may be published"
        )
    return _yes(
        asked.use.publishes_from >= terms.not_before,
        Why("they publish from %(day)s on", day=str(asked.use.publishes_from)),
        Why(
            "no publication before %(first)s; they plan %(day)s",
            first=str(terms.not_before),
            day=str(asked.use.publishes_from),
        ),
    )


_RULES = {
    "NRES": _anything, "GRU": _research, "HMB": _health, "DS": _disease, "POA": _ancestry_only,
    "NPOA": _no_ancestry, "NMDS": _no_methods, "GSO": _genetic, "RS": _specific, "CC": _care,
    "NPU": _not_for_profit, "NCU": _not_commercial, "NPUNCU": _neither, "PUB": _publishes,
    "COL": _collaborates, "IRB": _ethics, "GS": _country, "MOR": _moratorium, "TS": _months, "US": _users,
    "PS": _project, "IS": _institution, "RTN": _returns,
}  # fmt: skip
