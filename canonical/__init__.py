"""What crosses a boundary, in our own words: entities, messages, ports, errors and ids."""
