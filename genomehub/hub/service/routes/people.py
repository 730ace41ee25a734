"""People and their roles, for administrators."""

from fastapi import APIRouter

router = APIRouter()
