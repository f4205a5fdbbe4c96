"""The transfer network: tasks, lessons of them, the network, its training."""
