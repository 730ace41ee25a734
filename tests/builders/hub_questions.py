"""Asking a served hub what its OpenAPI document says, with schemathesis: so many examples of each operation.

Caller, question and, half the time, something that there is are drawn anew for each example: an operation's
examples are those of all callers together.
"""

import copy
import dataclasses
from collections import Counter

import requests
from builders.access_calls import Call
from builders.hub_openapi import CALLERS, Asked
from hypothesis import HealthCheck, Phase, given, settings, strategies
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

CHECKS = (
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance,
)  # fmt: skip
#: Seconds for an answer. The limits of the service have tests of their own; here a machine may be slow.
_PATIENCE = 600


@dataclasses.dataclass
class Answers:
    """What came back, by caller and status."""

    counts: Counter[tuple[str, int]] = dataclasses.field(default_factory=Counter)

    @property
    def n(self) -> int:
        """How many questions were answered."""
        return self.counts.total()

    @property
    def n_good(self) -> int:
        """How many of them with what was asked for."""
        return sum(n for (_, status), n in self.counts.items() if status < 400)


def takes_nothing(operation: APIOperation) -> bool:
    """Tell whether all questions are the same; each caller asks once, then."""
    return not (operation.body or any(operation.iter_parameters()))


def ask(asked: Asked, operation: APIOperation, n_examples: int) -> Answers:
    """Ask an operation and check each answer; the first that differs from the description is raised.

    Raises
    ------
    AssertionError
        Also if fewer examples were made than were wanted: an operation that cannot be asked is not checked.
    """
    callers, known, answers = asked.callers(), asked.known(operation.method, operation.path), Answers()
    with requests.Session() as session:
        session.trust_env = False  # proxies and .netrc are looked for with each request

        def put(caller: str, case: Case, more: dict[str, str]) -> None:
            headers = callers[caller] | more
            answer = case.call(session=session, headers=headers, timeout=_PATIENCE)
            answers.counts[caller, answer.status_code] += 1
            case.validate_response(answer, checks=CHECKS, headers=headers)

        @given(question=questions(operation, known))
        @settings(
            max_examples=n_examples, deadline=None, derandomize=True, database=None,
            phases=[Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def one(question: tuple[str, Case, dict[str, str]]) -> None:
            put(*question)

        if takes_nothing(operation):
            for caller in CALLERS:
                put(caller, operation.Case(), {})
            return answers
        one()
        assert answers.n >= n_examples, f"{operation.label}: only {answers.n} examples were made"
        callers = asked.callers()
        for call in asked.known(operation.method, operation.path):  # what should be answered, in the end
            for caller in ("everything", "steward", "member", "holder"):
                put(caller, whole(operation, call), call.headers)
    return answers


def whole(operation: APIOperation, call: Call) -> Case:
    """Return a question that should be answered."""
    body = {} if call.body is None else {"body": copy.deepcopy(call.body), "media_type": call.media_type}
    return operation.Case(path_parameters=dict(call.path), query=dict(call.query or {}), **body)


def questions(
    operation: APIOperation, known: list[Call]
) -> strategies.SearchStrategy[tuple[str, Case, dict[str, str]]]:
    """Make a caller, a question and further headers: one that fits the description, one that does not, or one
    about what there is, of which some parts or all are known.
    """
    fitting, unfit = (operation.as_strategy(generation_mode=mode) for mode in GenerationMode)
    # Those that do not fit cost five times as much to make, and most are refused at the door: one in five.
    cases = [fitting, fitting, fitting, fitting, unfit]

    @strategies.composite
    def question(draw: strategies.DrawFn) -> tuple[str, Case, dict[str, str]]:
        caller = draw(strategies.sampled_from(list(CALLERS)))
        case = draw(draw(strategies.sampled_from(cases)))
        if not known or draw(strategies.booleans()):
            return caller, case, {}
        about = draw(strategies.sampled_from(known))
        case.path_parameters.update(about.path)
        if about.query and draw(strategies.booleans()):
            case.query = dict(about.query)
        if (body := about.body) is not None and draw(strategies.booleans()):
            case.body, case.media_type = copy.deepcopy(body), about.media_type
        return caller, case, about.headers

    return question()
