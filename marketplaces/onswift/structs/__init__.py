"""What OnSwift's calls take and give, by area, field by field as in its document."""
