"""What the business means by its words: versioned, executable, each with a table of examples."""
