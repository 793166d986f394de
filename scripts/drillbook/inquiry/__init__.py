"""A question to a service's repository: who is asked, what is made for it, and that it goes again. Nothing is re-exported: most verbs ask nothing."""
