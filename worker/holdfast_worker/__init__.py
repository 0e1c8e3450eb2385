"""Workers: a Celery application that hears rings, and the supervisor of the sandboxed child."""
