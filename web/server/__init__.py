"""Runs and monitors the service: supervisor, gunicorn, slow clients, logs, metrics and health."""
