"""Descriptions from other catalogues: the French catalogue's three verbs."""

from fastapi import APIRouter

router = APIRouter()
