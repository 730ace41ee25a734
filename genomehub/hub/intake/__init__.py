"""Data in: what is given is recognised, checked and summarised before anybody sees it."""
