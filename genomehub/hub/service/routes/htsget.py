"""GA4GH htsget 1.3: regions of reads and variants."""

from fastapi import APIRouter

router = APIRouter()
