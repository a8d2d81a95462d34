"""Similar tracks of large libraries: recall, speed, memory and build time of the index file.

The vectors are sampled around those of the reference catalogue. The first rows show how alike they are: the distance to
the third neighbour and the dimension that the distances have (Levina and Bickel), of as many sampled as there are
tracks in the catalogue. Then 200 new songs ask for the three most similar by harmony and by sound. Recall is the share
of the three truly nearest that are found. A search includes the reading of 64 vectors from the database.
"""

from benchmarks.search.run import SIZES, run

__all__ = ["SIZES", "run"]
