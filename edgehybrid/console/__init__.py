"""What the commands share: how they fail, their options, and how they print."""
