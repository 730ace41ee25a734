"""Login, sessions, tokens."""

from fastapi import APIRouter

router = APIRouter()
