"""From sound to words: where somebody sings, what a model recognises there, and what it made up."""
