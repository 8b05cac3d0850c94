"""A walk through every call and event of the contract that leaves a marker in each text that users are free to choose."""
