"""Is the service alive, and what is it doing: /health, /metrics."""

from fastapi import APIRouter
from sqlalchemy import text

from genomehub import __version__
from genomehub.hub.service.dependencies import HubDependency

router = APIRouter(tags=["service"])


@router.get("/health")
def health(hub: HubDependency) -> dict[str, str]:
    """Answer if the service works and reaches its database."""
    with hub.database.read() as session:
        session.execute(text("SELECT 1"))
    return {"status": "ok", "version": __version__}
