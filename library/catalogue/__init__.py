"""Tables, migrations, lists, filters and the failure log of the library."""
