"""What flows: the topics, who may read and write them, the rights that follow."""
