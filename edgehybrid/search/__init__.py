"""The best networks for a board and an accuracy: a space of recipes → study → front. Optuna chooses what is tried."""
