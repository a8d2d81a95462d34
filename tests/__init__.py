"""The suite mirrors the packages; what holds for the whole repository lies at the top."""
