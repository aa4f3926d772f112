"""The stage primitive: a fold over one partition, its checkpoint, and the delivery of its outputs."""
