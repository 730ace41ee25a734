"""Permits, their public register, passports."""

from fastapi import APIRouter

router = APIRouter()
