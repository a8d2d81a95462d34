"""Around every request: language, host names, limits, permissions, headers and error responses."""
