"""Who may do what: roles, studies, permits, and the gate that every route and every file passes."""
