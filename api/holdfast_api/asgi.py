"""The application for an ASGI server: `uvicorn holdfast_api.asgi:app`, set by the environment."""

from holdfast_api.app import create_app

__all__ = ["app"]

app = create_app()
