"""Text: files -> characters -> numbers -> batches.

pieces       files in pieces that can be decoded one by one
detection    which encoding bytes are in
decoding     bytes -> characters, whatever their encoding
download     texts at an address
sources      files, folders, addresses and named corpora -> texts
gutenberg    the licence that Project Gutenberg puts around a text
store        the characters of all texts while they are read
cache        the numbers of long texts, kept for the next start
corpus       texts -> training, validation and test parts; how to find them again
vocabulary   characters as numbers
batches      the streams that training reads
"""
