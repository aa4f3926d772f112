"""The primitive: a fold over one partition, its checkpoint, and what delivers its outputs."""
