"""The catalogue's tables. ``catalogue`` holds results, ``descriptions`` what is published about data sets,
``access`` people, projects and permits. Migrations in ``hub/migrations`` make them; a test compares both.
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
from genomehub.hub.models.descriptions import Description, Publication, Push

__all__ = [
    "DIGEST_LENGTH", "NAME_LENGTH", "SCHEMA_VERSION", "VERSION_TABLE", "AccessRequest",
    "AccessRequestDataset", "ApiToken", "CatalogueInfo", "Dataset", "Description", "Entry", "EntryParent",
    "EntrySample", "Event", "File", "Identity", "Measure", "Measurement", "Model", "Permit",
    "PermitDataset", "PermitPerson", "Person", "Project", "Publication", "Push", "Reference",
    "RoleGrant", "Sample", "StageCost", "Study", "StudyMember", "UtcTime",
]  # fmt: skip
