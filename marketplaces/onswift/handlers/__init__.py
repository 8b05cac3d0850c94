"""What OnSwift's calls do, by area: one function for each row of routes.py."""
