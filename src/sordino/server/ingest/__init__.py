"""A batch of a device, checked and stored whole or not at all."""
