"""The article's public data: files, tables, its own rules and what they give."""
