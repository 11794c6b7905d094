"""The properties of the contract, one function each: it takes a subject and raises AssertionError where the property fails."""
