"""Studies and their requests for access."""

from fastapi import APIRouter

router = APIRouter()
