"""Data in: resumable uploads, registered when whole."""

from fastapi import APIRouter

router = APIRouter()
