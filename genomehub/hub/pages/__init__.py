"""Pages for people: what they show, in which language and how it looks. HTTP is ``hub.service``'s.

texts -> rendering -> one room for each kind of page (finding, reading, form, terms, asking,
staff, tracks); ``letters`` is what e-mails say.
Every room asks the gate what its reader may see.
"""
