"""View: plain data as tables, figures and words. Nothing here knows networks or runs.

    words      all words, in every language
    numbers    numbers as texts: the digits of a loss
    palette    all colours
    tables     a table is columns: as HTML, Markdown, CSV and plain values
    text       text that a terminal or page may show
    markdown   text inside Markdown
    axes       scales and frames of figures
    thinning   curves of many points for a screen
    charts     curves, intervals, bars as SVG
    heatmaps   losses by two settings as SVG
    export     a figure as PDF or PNG

All text is escaped; nothing refers to anything outside of the page.
"""
