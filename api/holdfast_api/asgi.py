"""The application for an ASGI server: `uvicorn holdfast_api.asgi:app`, set by the environment."""

from holdfast_api.app import create_app
from holdfast_db.logs import set_up_logs

__all__ = ["app"]

set_up_logs()
app = create_app()
