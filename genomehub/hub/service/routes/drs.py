"""GA4GH DRS 1.5: objects, access, signed links."""

from fastapi import APIRouter

router = APIRouter()
