"""What the business has decided, as data: the catalogue, its loader and its checks."""
