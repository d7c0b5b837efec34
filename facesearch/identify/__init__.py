"""From distances to names; pure functions of arrays and dataclasses."""
