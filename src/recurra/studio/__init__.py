"""The studio: a server on this machine for a folder of runs, studies and comparisons.

The only package that knows Starlette and uvicorn; they come with the extra ``studio``.

    server       a port, an address with a token, and the loop that serves
    app          the application behind the guard: the page at once, the rest when it is loaded
    places       the routes of all that the page and programs ask
    catalogue    GET /api/folder: what the folder holds
    network      the place Network: equations checked, explained, saved
    begin        what the page begins: forms, expected time; going on and stopping
    train        the place Train: what the folder holds as it goes, and curves of runs
    outcomes     searches and comparisons: how far they are, what was found out
    texts        texts that are dropped on the page
    overview     all runs in a table, and what else there is, kept up to date
    chart        curves of runs over one another
    feed         the records of a run as they are written
    jobs         trainings, searches and comparisons as processes of their own
    job_requests one of these in JSON, and its command line
    writing      the place Write: texts read and continued, with what was likely
    inside       the place Look inside: units over a text, reach of the gradient
    wording      GET /api/words: the words of the page
    endpoint     /v1: models and completions for other programs
    completion   one completion: what is asked for, and its characters
    forms        the bodies of requests
    pool         threads that compute for requests
    models       the models of the folder's runs
    security     the guard before every request: host, origin, token, size
    responses    answers and refusals as JSON, in one form
    workspace    the folder: what is in it, and paths that never lead out of it
    errors       what a request is refused for
    static       the page: HTML, one style, modules of JavaScript
"""
