"""Models: from tokens, terms or numeric columns to logits, a file for each.

`build` returns the network to train, a Keras model or what the file's `LEARNER` takes: the name of
a file in `training/learners/`, by default keras. `forward`, if there is one, returns what a trained
network computes, without Keras; otherwise Keras computes it. `NEEDS` lists sets of inputs of which
one each must be there: without, `build` is not called. Keras is imported inside `build`: importing
it takes longer than predicting a hundred thousand texts.
"""
