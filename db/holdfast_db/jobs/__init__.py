"""The life of a job. Functions of a session; they know no queue and commit nothing.

shard: queued -> running -> done | failed | cancelled        running -> queued: release, reconcile
audit: follows its shards; `done` once none of them is open   failed, cancelled -> queued: retry

An audit is one shard, `whole`, or several `part`s and, once none of them is open, one `merge`.
Parts that a sequential audit does not need any more are cancelled with the reason `decided`. A
`compare` shard belongs to an audit that is over and changes nothing about it.

Every step is one UPDATE that names the old state, and for a running shard the lease token. When it
changes no row, somebody else was first and the work is dropped. All lock shards before audits.
"""

from holdfast_db.jobs.claims import Beat, Claim, claim, heartbeat, release
from holdfast_db.jobs.compare import Compared, Pair, Side, finish_comparison, get_pair
from holdfast_db.jobs.ends import Finished, cancelled, fail, finalize, finish, keep
from holdfast_db.jobs.owner import SHARD_IMAGES, NewAudit, request_cancel, retry, submit
from holdfast_db.jobs.parts import (
    DonePart,
    advance,
    are_open,
    decide,
    done_parts,
    finish_part,
    prefix,
)
from holdfast_db.jobs.reconcile import expire_leases, reconcile
from holdfast_db.jobs.reuse import Sameness, Taken, find_same, submit_done
from holdfast_db.jobs.rings import Line, lines, mark_rung, unrung

__all__ = [
    "SHARD_IMAGES",
    "Beat",
    "Claim",
    "Compared",
    "DonePart",
    "Finished",
    "Line",
    "NewAudit",
    "Pair",
    "Sameness",
    "Side",
    "Taken",
    "advance",
    "are_open",
    "cancelled",
    "claim",
    "decide",
    "done_parts",
    "expire_leases",
    "fail",
    "finalize",
    "find_same",
    "finish",
    "finish_comparison",
    "finish_part",
    "get_pair",
    "heartbeat",
    "keep",
    "lines",
    "mark_rung",
    "prefix",
    "reconcile",
    "release",
    "request_cancel",
    "retry",
    "submit",
    "submit_done",
    "unrung",
]
