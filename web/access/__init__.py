"""Around every request: language, hosts, limits, permissions, headers, and errors as people read them."""
