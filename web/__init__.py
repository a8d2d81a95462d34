"""Talks: pages for people, JSON for programs. What a song sounds like is found out elsewhere (`jobs`)."""
