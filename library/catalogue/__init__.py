"""The tables of the library, and what reads them: lists, filters, failures."""
