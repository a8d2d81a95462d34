"""Audio analysis: a file becomes a `Report`. No HTTP, no queue, no database, no environment variables."""
