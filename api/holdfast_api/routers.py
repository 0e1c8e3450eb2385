"""All endpoints, in the order in which the reference shows them."""

from typing import Final

from holdfast_api import (
    assets,
    audits,
    badges,
    branches,
    comparing,
    events,
    formats,
    health,
    login,
    outcomes,
    pages,
    policies,
    projects,
    reference,
    tokens,
    tus,
    uploads,
    webhooks,
    workers,
)

__all__ = ["API_ROUTERS", "PAGE_ROUTERS"]

API_ROUTERS: Final = (
    uploads.router,
    tus.router,
    assets.router,
    audits.router,
    events.router,
    outcomes.router,
    formats.router,
    comparing.router,
    branches.router,
    badges.router,
    policies.router,
    webhooks.router,
    workers.router,
    projects.router,
    tokens.router,
    health.router,
)
PAGE_ROUTERS: Final = (pages.router, login.router, reference.router)
