"""Parts that the verbs of a device share: its state, its inputs, its report and its sender."""
