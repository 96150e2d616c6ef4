"""Comparisons, studies and runs as one page: HTML that needs nothing else, or Markdown.

writer    the report as a file
content   all that a report tells, as plain data
samples   what the networks of a report write
searches  the part about a study
commands  the command lines that do it again
tables    the tables of a report
figures   its figures
figure_files  figures and tables as files
document  its sections, in words of a language
page      the sections as HTML
markdown  the sections as Markdown
"""
