"""The result of an analysis, the errors it can end with, and how both are written for people and programs."""
