"""Finding data sets: words and facets."""

from fastapi import APIRouter

router = APIRouter()
