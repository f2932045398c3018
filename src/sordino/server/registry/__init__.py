"""What a study registers: bundles, participants, devices, and keys that sign batches."""
