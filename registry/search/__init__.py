"""Full text: what of a run is searched, cut into words by one segmenter for both engines.

`segment` cuts text into tokens, `texts` says which texts a run has, `postings` lays their tokens out within the bounds
of both engines, `index` keeps them in the registry, `asking` reads what somebody looks for, `find` answers, and `place`
shows where it stands. The index follows from the runs and can be made anew.
"""
