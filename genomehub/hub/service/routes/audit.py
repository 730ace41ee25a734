"""The event log, for auditors."""

from fastapi import APIRouter

router = APIRouter()
