"""The web service: pages, the API and uploads. It loads no model and no array library."""
