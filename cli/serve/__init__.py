"""The processes, each assembled from its parts: hub, api, worker, and `dev`, which runs all of them on one loop."""
