"""The processes, each put together from top to bottom: hub, api, worker, and `dev`, which is all of them on one loop."""
