"""The ear: audio in, a `Report` out. Knows nothing of HTTP, queues or databases."""
