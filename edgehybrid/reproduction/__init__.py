"""The tables of the paper, trained again: which networks, what became of them, and the card that compares both."""
