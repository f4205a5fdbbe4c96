"""`spektron app`: local pages over the commands, for those who do not type.

    fields     what each task asks for
    words      from what the page sent to a command line
    found      from what `read` says to what a person is told and offered first
    names      names of files that a person sent, made harmless
    guard      who may ask: the token, the Host, the Origin; headers of every answer
    visits     the files of each open page, their limits and their end
    jobs       child processes: progress, limits, one heavy one at a time
    packed     a model folder as one zip, and back
    server     addresses and answers (needs the extra "app")
    page/      the page itself: no address but this server's

Nothing is computed here: every number comes from a command that runs in a child.
"""
