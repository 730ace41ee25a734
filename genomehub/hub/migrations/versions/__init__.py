"""The schema's versions, numbered."""
