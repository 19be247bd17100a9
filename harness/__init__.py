"""The machine: an evaluation is a pure function (protocol, policy, seed) -> records, and this runs it."""
