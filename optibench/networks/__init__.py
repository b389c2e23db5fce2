"""Networks backpropagated by hand, over the runs axis."""
