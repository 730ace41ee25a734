"""Finding data sets: an index of what their descriptions say, questions, and answers with facets.

``indexing`` keeps the index in step with what is published, inside each write transaction; ``search.find``
answers. Words are looked up by the database (SQLite FTS5, PostgreSQL tsvector: ``texts``); facets are counted
in arrays that a process holds in memory and brings up to date at each question (``columns``).
"""
