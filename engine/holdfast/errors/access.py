"""The texts of what the service asks of callers: tokens, projects, uploads in pieces, repeats."""

from typing import Final

from holdfast.errors.kinds import ErrorText, broken, usage

__all__ = ["ACCESS_ERRORS"]

ACCESS_ERRORS: Final[dict[str, ErrorText]] = {
    "missing_scope": usage(
        "This needs a token of scope {needed}; yours has {has}.",
        "Ask an admin of the service for a token of that scope.",
    ),
    "bound_token": usage(
        "A token of one project cannot do this.", "Use an admin token without a project."
    ),
    "rate_limited": broken(
        "This token has sent too many requests ({limit}).", "Try again in {s} seconds."
    ),
    "project_taken": usage("There is a project {slug} already.", "Choose another slug."),
    "open_audits": usage(
        "An audit that is not finished needs the {what}.", "Cancel it or wait for it, then repeat."
    ),
    "in_use": usage(
        "{n} finished audits used this {what}.",
        "Delete them first, or delete them along with ?audits=true.",
    ),
    "name_taken": usage(
        "This file has this name already, as {architecture}.", "Choose another name."
    ),
    "upload_gone": usage("Upload {id} has expired or was refused.", "Create a new upload."),
    "upload_busy": usage(
        "Another request is sending to upload {id}.", "Ask for its offset and go on from there."
    ),
    "wrong_offset": usage(
        "Upload {id} has {n} bytes, not {m}.", "Ask for its offset and go on from there."
    ),
    "tus_version": usage(
        "This is no request of the tus protocol 1.0.0.", "Send the header Tus-Resumable: 1.0.0."
    ),
    "unknown_checksum": usage(
        "The checksum is of no kind known here.", "Send sha256 or sha1, and the digest in base64."
    ),
    "chunk_mismatch": usage(
        "The bytes received do not have the given checksum.", "Send the same bytes again."
    ),
    "length_required": usage(
        "The request does not say how many bytes it sends.", "Set the Content-Length header."
    ),
    "idempotency_key_reused": usage(
        "This Idempotency-Key came with another request before.", "Choose a new key."
    ),
    "idempotency_in_flight": usage(
        "The first request with this Idempotency-Key is being answered.", "Try again shortly."
    ),
    "project_queue_full": broken(
        "{n} audits of project {project} are waiting, as many as it may have.",
        "Try again in {s} seconds, or let an admin raise max_queued.",
    ),
}
