"""Data sets: descriptions, versions, exports in Turtle, JSON-LD, schema.org, Croissant."""

from fastapi import APIRouter

router = APIRouter()
