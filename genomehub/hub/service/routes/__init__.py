"""Routes, one router a file."""

from fastapi import APIRouter

from genomehub.hub.service.routes import (
    account,
    audit,
    datasets,
    drs,
    files,
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
    seqcol,
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
    files.router,
    htsget.router,
    refget.router,
    seqcol.router,
    pages.router,
)
