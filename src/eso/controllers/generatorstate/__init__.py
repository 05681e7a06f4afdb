"""The generatorstate controller: undoes what generators left behind, when its time has come."""
