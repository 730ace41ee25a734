"""The catalogue's tables. ``catalogue`` holds results, ``descriptions`` what is published about data sets,
``access`` people, projects and permits. Migrations in ``hub/migrations`` make them; a test compares both.
"""

from genomehub.hub.models.access import (
    AccessRequest,
    AccessRequestDataset,
    AccessRequestPerson,
    AccessVerdict,
    ApiToken,
    DatasetTerms,
    Identity,
    LoginSession,
    Permit,
    PermitDataset,
    PermitPerson,
    Person,
    RoleGrant,
    Study,
    StudyInvitation,
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

__all__ = [
    "DIGEST_LENGTH", "NAME_LENGTH", "SCHEMA_VERSION", "VERSION_TABLE", "AccessRequest",
    "AccessRequestDataset", "AccessRequestPerson", "AccessVerdict", "ApiToken", "CatalogueInfo", "Dataset",
    "DatasetTerms", "Description", "Entry", "EntryParent", "EntrySample", "Event", "File", "Identity",
    "LoginSession", "Measure", "Measurement", "Model", "Permit", "PermitDataset", "PermitPerson", "Person",
    "Project", "Publication", "Reference", "RoleGrant", "Sample", "StageCost", "Study", "StudyInvitation",
    "StudyMember", "UtcTime",
]  # fmt: skip
