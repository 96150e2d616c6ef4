"""Statistics: numbers with their uncertainty; knows neither networks nor files.

intervals       over seeds, over the text, over both
expected_best   the lowest loss that a search of some size can expect
ranks           correlation of ranks
"""
