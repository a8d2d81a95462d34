"""The JSON API and what the pages share with it: uploads, queries, schemas, similar tracks."""
