"""GA4GH refget 2.0 and sequence collections 1.0."""

from fastapi import APIRouter

router = APIRouter()
