"""E-mails to people: occasions -> outbox -> letters -> sending.

``occasions`` says who is to be told of what, in the transaction of the change; ``outbox`` keeps that until it
is sent; ``letters`` writes it, for what its receiver may see at that moment; ``sending`` speaks SMTP. HTTP is
``hub.service``'s, and so is the thread that empties the outbox (``service.postman``).
"""
