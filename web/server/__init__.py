"""Starts and watches the service: the supervisor, gunicorn, slow clients, logs, metrics and health."""
