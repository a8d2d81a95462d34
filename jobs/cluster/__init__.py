"""Many machines: Celery workers that a broker wakes. The rows of `jobs.queue` decide what each of them does."""
