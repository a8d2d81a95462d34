"""The HTML pages, rendered on the server, and the files a page offers."""
