"""From what is on record of an account to the inputs of the definitions, one module a subject."""
