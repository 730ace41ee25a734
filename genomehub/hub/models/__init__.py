"""The catalogue's tables. ``catalogue`` holds results, ``uploads`` what comes in, ``descriptions`` what is
published about data sets, ``search`` what finds them, ``access`` people, studies and permits, ``sessions``
and others what that needs. Migrations in ``hub/migrations`` make them; a test compares both.
"""

from genomehub.hub.models.access import (
    AccessRequest,
    AccessRequestDataset,
    ApiToken,
    Identity,
    Permit,
    PermitDataset,
    PermitPerson,
    Person,
    RoleGrant,
    Study,
    StudyMember,
)
from genomehub.hub.models.base import (
    DIGEST_LENGTH,
    NAME_LENGTH,
    SCHEMA_VERSION,
    VERSION_TABLE,
    Model,
    UtcTime,
)
from genomehub.hub.models.catalogue import (
    CatalogueInfo,
    Dataset,
    Entry,
    EntryParent,
    EntrySample,
    Event,
    File,
    Measure,
    Measurement,
    Project,
    Reference,
    Sample,
    StageCost,
)
from genomehub.hub.models.descriptions import Description, Publication
from genomehub.hub.models.search import SearchDocument, SearchStale, SearchValue, SearchWord
from genomehub.hub.models.uploads import FileContent, SeenFile, UploadFile, UploadSession

__all__ = [
    "DIGEST_LENGTH",
    "NAME_LENGTH",
    "SCHEMA_VERSION",
    "VERSION_TABLE",
    "AccessRequest",
    "AccessRequestDataset",
    "ApiToken",
    "CatalogueInfo",
    "Dataset",
    "Description",
    "Entry",
    "EntryParent",
    "EntrySample",
    "Event",
    "File",
    "FileContent",
    "Identity",
    "Measure",
    "Measurement",
    "Model",
    "Permit",
    "PermitDataset",
    "PermitPerson",
    "Person",
    "Project",
    "Publication",
    "Reference",
    "RoleGrant",
    "Sample",
    "SearchDocument",
    "SearchStale",
    "SearchValue",
    "SearchWord",
    "SeenFile",
    "StageCost",
    "Study",
    "StudyMember",
    "UploadFile",
    "UploadSession",
    "UtcTime",
]  # fmt: skip
