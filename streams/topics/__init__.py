"""The topics, which stage reads and writes each, and the access rights that follow from it."""
