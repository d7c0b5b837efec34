"""How good the whole pipeline is: error rates on labelled photos."""
