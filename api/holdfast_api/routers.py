"""All endpoints, in the order in which the reference shows them."""

from typing import Final

from holdfast_api import (
    assets,
    audits,
    events,
    health,
    login,
    metrics,
    outcomes,
    pages,
    reference,
    uploads,
)

__all__ = ["API_ROUTERS", "PAGE_ROUTERS"]

API_ROUTERS: Final = (
    uploads.router,
    assets.router,
    audits.router,
    events.router,
    outcomes.router,
    health.router,
    metrics.router,
)
PAGE_ROUTERS: Final = (pages.router, login.router, reference.router)
