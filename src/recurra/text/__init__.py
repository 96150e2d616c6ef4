"""Text: files -> characters -> numbers -> batches.

decoding     bytes -> characters, whatever their encoding
corpus       files, folders and addresses -> training, validation and test parts
vocabulary   characters as numbers
batches      the streams that training reads
"""
