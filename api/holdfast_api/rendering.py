"""Our own pages: Jinja2 with autoescape and strict names; no markup ever comes from data."""

from importlib.metadata import version
from typing import Final

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from holdfast_api.sessions import COOKIE

__all__ = ["VERSION", "page"]

VERSION: Final = version("holdfast")
_templates = Environment(
    loader=PackageLoader("holdfast_api"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(request: Request, name: str, http_status: int = 200, **context: object) -> HTMLResponse:
    """Render the template `name`."""
    text = _templates.get_template(f"{name}.html").render(
        version=VERSION, signed_in=COOKIE in request.cookies, **context
    )
    return HTMLResponse(text, status_code=http_status)
