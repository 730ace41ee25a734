"""Routes, one router a file."""

from fastapi import APIRouter

from genomehub.hub.service.routes import (
    account,
    audit,
    datasets,
    drs,
    health,
    htsget,
    ingest,
    login,
    pages,
    passports,
    people,
    permits,
    refget,
    search,
    studies,
    uploads,
)

#: In this order; pages come last.
ROUTERS: tuple[APIRouter, ...] = (
    health.router,
    datasets.router,
    ingest.router,
    search.router,
    uploads.router,
    login.router,
    account.router,
    people.router,
    studies.router,
    permits.router,
    passports.router,
    audit.router,
    drs.router,
    htsget.router,
    refget.router,
    pages.router,
)
