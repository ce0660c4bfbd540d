"""A trained model for others to use: the server, the page, the filters."""
