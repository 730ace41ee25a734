"""Types of fields that routes take: bounded, without characters and days that a database cannot hold."""

from datetime import datetime
from typing import Annotated

from fastapi import Path, Query
from pydantic import AfterValidator, AwareDatetime, StringConstraints

_NO_NUL = r"^[^\x00]*$"


def _in_range(moment: datetime) -> datetime:
    if not 1970 <= moment.year <= 9000:
        raise ValueError("a day from 1970 to 9000 is expected")
    return moment


#: A point in time, with its time zone.
Moment = Annotated[AwareDatetime, AfterValidator(_in_range)]
#: An identifier in a path.
Uuid = Annotated[str, Path(pattern=r"^[\w.:-]{1,80}$")]
Identifier = Annotated[str, StringConstraints(pattern=r"^[\w.:-]{1,80}$")]
#: A row's number in a path.
Number = Annotated[int, Path(ge=1, le=2**62)]
#: A word to look for, in a query.
Word = Annotated[str, Query(max_length=200, pattern=_NO_NUL)]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200, strip_whitespace=True, pattern=_NO_NUL)]
Title = Annotated[
    str, StringConstraints(min_length=1, max_length=500, strip_whitespace=True, pattern=_NO_NUL)
]
#: Some text, or none.
LongText = Annotated[str, StringConstraints(max_length=20_000, pattern=_NO_NUL)]
#: Some text, not empty.
Reason = Annotated[
    str, StringConstraints(min_length=1, max_length=20_000, strip_whitespace=True, pattern=_NO_NUL)
]
Email = Annotated[str, StringConstraints(pattern=r"^[^@\s\x00]+@[^@\s\x00]+$", max_length=200)]
