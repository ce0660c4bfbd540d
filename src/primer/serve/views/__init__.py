"""The pages of the browser: each file has a function `page`, which draws it."""
