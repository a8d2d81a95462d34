"""How the database came to look as it does, one numbered step after another."""
