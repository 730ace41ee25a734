"""Pages for people: what they show, in which language and how it looks. HTTP is ``hub.service``'s.

texts -> rendering -> one room for each kind of page (finding, reading, form, asking, staff,
tracks).
Every room asks the gate what its reader may see.
"""
