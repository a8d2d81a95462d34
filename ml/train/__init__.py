"""Training: fits everything in `weight/` from labelled music. Offline; nothing in the product imports it."""
