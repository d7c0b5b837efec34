"""What the models are, where their files lie, and how they run."""
