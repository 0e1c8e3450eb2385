"""What each endpoint needs: the one table, which the service enforces and the tests read.

read ---- look at models, probe sets, audits and what they left
audit --- that, and upload, start and cancel: a token for continuous integration
admin --- everything, in the project that the token is bound to, if it is bound to one
open ---- no token is asked

An endpoint is named by its function. One that does not stand here answers 403 to everybody. That
a caller sees rows of its own project only is not decided here but by `parts.db` (see `parts`).
"""

from typing import Final

from fastapi import Request

from holdfast.errors import HoldfastError
from holdfast_api.callers import NOBODY, Caller

__all__ = ["OPEN", "SCOPES", "caller_of", "check_scope"]

OPEN: Final = "open"
_BY_SCOPE: Final = {
    OPEN: (
        *("healthz", "readyz", "metrics", "version", "get_upload_options"),
        "get_policy_schema",
        *("get_project_badge", "get_project_shield"),  # they ask for themselves: `badges`
        *("login_page", "login", "logout", "problems_page", "problem_page", "docs_page"),
    ),
    "read": (
        *("get_models", "get_one_model", "get_probe_sets", "get_one_probe_set"),
        *("get_audits", "get_one_audit", "get_events"),
        *("get_verdict", "get_result", "get_report", "get_samples"),
        *("get_junit", "get_sarif", "get_summary", "get_badge", "get_samples_csv"),
        *("get_comparison", "get_baselines", "get_history"),
        *("get_policies", "get_one_policy", "validate_policy"),
        *("get_projects", "get_one_project", "get_own_token"),
        *("list_page", "audit_page"),
    ),
    "audit": (
        *("head_blob", "create_upload", "get_upload", "head_upload", "put_upload"),
        *("append_upload", "delete_upload"),
        *("create_model", "create_probe_set"),
        *("create_audit", "cancel_audit", "retry_audit", "judge_audit"),
        *("cancel_button", "retry_button"),
    ),
    "admin": (
        *("get_blob", "delete_model", "delete_probe_set", "delete_audit"),
        *("create_project", "change_project", "delete_project"),
        *("create_token", "get_tokens", "delete_token"),
        *("create_policy", "archive_policy", "pin_baseline", "unpin_baseline"),
        *("create_webhook", "get_webhooks", "get_one_webhook", "change_webhook", "delete_webhook"),
        *("rotate_secret", "send_test", "get_deliveries", "redeliver"),
        "get_workers",
    ),
}
SCOPES: Final = {name: scope for scope, names in _BY_SCOPE.items() for name in names}
"""From the name of an endpoint's function to what it needs."""


def caller_of(request: Request) -> Caller:
    """Who sent this request; `guard` has found out."""
    caller = request.scope.get("state", {}).get("caller", NOBODY)
    return caller if isinstance(caller, Caller) else NOBODY


async def check_scope(request: Request) -> None:
    """Refuse who may not use the endpoint that was found: a dependency of every router.

    Raises:
        HoldfastError: `unauthorized`, `missing_scope`; `forbidden` for one without a scope.
    """
    needed = SCOPES.get(request.scope["route"].name)
    if needed is None:
        raise HoldfastError("forbidden")
    caller = caller_of(request)
    if needed == OPEN or caller.has(needed):
        return
    if caller is NOBODY:
        raise HoldfastError("unauthorized")
    raise HoldfastError("missing_scope", needed=needed, has=caller.scope)
