"""What makes responses: static files, forwarding, redirects, fixed answers.

    static          a file from memory; everything else is a visit
      static_visit  one request's way through what the disk may be asked
      names         which names may be asked for
      errands       work for the disk, once for all who want the same
      library       what a path is: a file, its forms, a directory; asks the disk (beneath, builds)
      representation, conditions, ranges, multipart   what is said about a form, and which part is sent
      static_cache  the forms in memory, and the shelf that bounds them
      cache_rules, mime, manifest, builds, kept_files, listing, listing_page
    reverse_proxy   takes the body, then forwards
      forwarding    one exchange, its attempts and its answer
      retrying, hedge, upload, marking, request_head
    redirect, respond

The rule of this room: a handler holds an `Exchange` and never imports `downstream`.
"""
