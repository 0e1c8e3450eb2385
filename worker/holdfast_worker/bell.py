"""The queue as a doorbell: ring it, and count the rings that nobody has heard yet."""

from holdfast_worker.app import app
from holdfast_worker.broker import TASK, prepare_broker
from holdfast_worker.settings import WorkerSettings

__all__ = ["depth", "ring"]


def ring(queue: str) -> None:
    """Ring for a queue. Any worker of it may come, and takes what is most urgent."""
    prepare_broker(WorkerSettings())
    app.send_task(TASK, queue=queue)


def depth(queue: str) -> int:
    """How many rings wait in a queue."""
    prepare_broker(WorkerSettings())
    with app.connection_for_write() as connection:
        # As patient as a ring: without this, kombu's own patience for a channel is six seconds.
        connection.ensure_connection(max_retries=2, interval_start=0, interval_max=0.5)
        # Not passively: kombu asks Redis whether the queue exists without our key prefix, and
        # never finds it.
        return int(connection.default_channel.queue_declare(queue).message_count)
