"""Models: from tokens, terms or numeric columns to logits, in Keras and in NumPy.

`build` makes the network that is trained; `forward` is what it computes, without dropout, from its
weights alone. Keras is imported inside `build`, and named in annotations in quotation marks:
prediction needs `forward` alone, and importing TensorFlow would take longer than predicting a
hundred thousand texts. Trees are grown instead (`ballast.boosting`), and `forward` walks down them.
"""
