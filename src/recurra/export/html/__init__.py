"""One page that writes by itself: opened from a disk, it asks nothing of any server.

page         the target: everything in one file
javascript   one time step of a network as JavaScript
weights      weights in fewer bytes
core.js      products, probabilities and sampling: the same for all networks
page.js      what a reader does with the page; page.html and page.css are its looks
"""
