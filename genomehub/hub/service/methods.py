"""Methods that a path does not have: 405, and in Allow those that it has.

Routers look for a route that takes path and method. So a method that a path does not have would lead on to a
more general path that has it (``POST /htsget/data/...`` to ``POST /htsget/{datatype}/{id:path}``, which knows
no such data type), and Allow would name the methods of one route, where each is a route of its own. Here a
path belongs to the first template that takes it, whatever the method. Nothing else is looked at: who asks and
what is there make no difference.
"""

import functools
import re
from collections.abc import Sequence
from typing import NamedTuple

from fastapi.routing import RouteContext, iter_route_contexts
from starlette.exceptions import HTTPException
from starlette.routing import BaseRoute, Match, get_route_path
from starlette.types import Receive, Scope, Send

_NAME_OF_GROUP = re.compile(r"\?P<\w+>")


class _Template(NamedTuple):
    """A path with parameters; route: the first that has it, methods: of all that have it."""

    regex: re.Pattern[str]
    route: RouteContext
    methods: set[str]


class OtherMethods(BaseRoute):
    """A route to stand before all others: it takes the requests whose method their path does not have."""

    def __init__(self, routes: Sequence[BaseRoute]) -> None:
        self._routes = routes

    @functools.cached_property
    def _templates(self) -> list[_Template]:
        """In the order of the routes; made with the first request, when all routes are there."""
        found: dict[str, _Template] = {}
        for route in iter_route_contexts(self._routes):
            if route.methods:
                shape = _NAME_OF_GROUP.sub("", route.path_regex.pattern)
                template = found.setdefault(shape, _Template(route.path_regex, route, set()))
                template.methods.update(route.methods)
        return list(found.values())

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Take a request if its path is known and its method is none of the path's."""
        if scope["type"] == "http":
            path = get_route_path(scope)
            template = next((one for one in self._templates if one.regex.match(path)), None)
            if template is not None and scope["method"] not in template.methods:
                return Match.FULL, {"route": template.route, "allow": template.methods}
        return Match.NONE, {}

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse it."""
        raise HTTPException(405, headers={"Allow": ", ".join(sorted(scope["allow"]))})
