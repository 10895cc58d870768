"""Content types by file name.

The same answer on every machine and with every Python: one table, of what the web uses and nginx knows, and
neither the system's `mime.types` nor Python's. What is not in it is `application/octet-stream`, which with
`nosniff` is downloaded and not run.
"""

from __future__ import annotations

import os

UNKNOWN = "application/octet-stream"
_OFFICE = "application/vnd.openxmlformats-officedocument"
_OPEN = "application/vnd.oasis.opendocument"
TYPES = {
    # `.svgz` and `.br` are nothing to a browser without a Content-Encoding, so they are for downloading.
    UNKNOWN: "a bin br deb dll dmg exe img iso msi msm msp o pyc so svgz",
    "application/atom+xml": "atom",
    "application/dash+xml": "mpd",
    "application/epub+zip": "epub",
    "application/geo+json": "geojson",
    "application/gzip": "gz tgz",
    "application/java-archive": "ear jar war",
    "application/json": "json map",
    "application/ld+json": "jsonld",
    "application/mac-binhex40": "hqx",
    "application/manifest+json": "webmanifest",
    "application/msword": "doc dot",
    "application/n-quads": "nq",
    "application/n-triples": "nt",
    "application/pdf": "pdf",
    "application/postscript": "ai eps ps",
    "application/rss+xml": "rss",
    "application/rtf": "rtf",
    "application/toml": "toml",
    "application/trig": "trig",
    "application/vnd.android.package-archive": "apk",
    "application/vnd.apple.mpegurl": "m3u m3u8",
    "application/vnd.google-earth.kml+xml": "kml",
    "application/vnd.google-earth.kmz": "kmz",
    "application/vnd.ms-excel": "xls",
    "application/vnd.ms-fontobject": "eot",
    "application/vnd.ms-powerpoint": "pps ppt",
    f"{_OPEN}.graphics": "odg",
    f"{_OPEN}.presentation": "odp",
    f"{_OPEN}.spreadsheet": "ods",
    f"{_OPEN}.text": "odt",
    f"{_OFFICE}.presentationml.presentation": "pptx",
    f"{_OFFICE}.spreadsheetml.sheet": "xlsx",
    f"{_OFFICE}.wordprocessingml.document": "docx",
    "application/vnd.rar": "rar",
    "application/vnd.sqlite3": "sqlite sqlite3",
    "application/vnd.wap.wmlc": "wmlc",
    "application/wasm": "wasm",
    "application/x-7z-compressed": "7z",
    "application/x-bzip2": "bz2",
    "application/x-cocoa": "cco",
    "application/x-hdf5": "h5",
    "application/x-java-archive-diff": "jardiff",
    "application/x-java-jnlp-file": "jnlp",
    "application/x-makeself": "run",
    "application/x-ndjson": "jsonl ndjson",
    "application/x-netcdf": "nc",
    "application/x-perl": "pl pm",
    "application/x-pilot": "pdb prc",
    "application/x-pkcs12": "p12 pfx",
    "application/x-redhat-package-manager": "rpm",
    "application/x-sea": "sea",
    "application/x-sh": "sh",
    "application/x-shockwave-flash": "swf",
    "application/x-stuffit": "sit",
    "application/x-tar": "tar",
    "application/x-tcl": "tcl tk",
    "application/x-tex": "tex",
    "application/x-x509-ca-cert": "crt der pem",
    "application/x-xpinstall": "xpi",
    "application/x-xz": "xz",
    "application/xhtml+xml": "xhtml",
    "application/xml": "rdf wsdl xml xsd xsl xslt",
    "application/xspf+xml": "xspf",
    "application/yaml": "yaml yml",
    "application/zip": "zip",
    "application/zstd": "zst",
    "audio/aac": "aac",
    "audio/basic": "au snd",
    "audio/flac": "flac",
    "audio/midi": "kar mid midi",
    "audio/mp4": "m4a",
    "audio/mpeg": "mp2 mp3",
    "audio/ogg": "oga ogg opus",
    "audio/wav": "wav",
    "audio/webm": "weba",
    "audio/x-aiff": "aif aiff",
    "audio/x-realaudio": "ra",
    "font/collection": "ttc",
    "font/otf": "otf",
    "font/ttf": "ttf",
    "font/woff": "woff",
    "font/woff2": "woff2",
    "image/apng": "apng",
    "image/avif": "avif",
    "image/bmp": "bmp",
    "image/gif": "gif",
    "image/heic": "heic",
    "image/heif": "heif",
    "image/jpeg": "jpe jpeg jpg",
    "image/jxl": "jxl",
    "image/png": "png",
    "image/svg+xml": "svg",
    "image/tiff": "tif tiff",
    "image/vnd.wap.wbmp": "wbmp",
    "image/webp": "webp",
    "image/x-icon": "cur ico",
    "image/x-jng": "jng",
    "image/x-portable-pixmap": "ppm",
    "message/rfc822": "eml mht mhtml",
    "model/gltf+json": "gltf",
    "model/gltf-binary": "glb",
    "model/stl": "stl",
    "text/calendar": "ics",
    "text/css": "css",
    "text/csv": "csv",
    "text/html": "htm html shtml",
    "text/javascript": "cjs js mjs",
    "text/markdown": "markdown md",
    "text/mathml": "mml",
    "text/n3": "n3",
    "text/plain": "bat c h log srt txt",
    "text/tab-separated-values": "tsv",
    "text/turtle": "ttl",
    "text/vcard": "vcf",
    "text/vnd.sun.j2me.app-descriptor": "jad",
    "text/vnd.wap.wml": "wml",
    "text/vtt": "vtt",
    "text/x-component": "htc",
    "text/x-python": "py",
    "video/3gpp": "3gp 3gpp",
    "video/3gpp2": "3g2",
    "video/mp2t": "ts",
    "video/mp4": "m4v mp4",
    "video/mpeg": "mpe mpeg mpg",
    "video/ogg": "ogv",
    "video/quicktime": "mov qt",
    "video/webm": "webm",
    "video/x-flv": "flv",
    "video/x-matroska": "mkv",
    "video/x-mng": "mng",
    "video/x-ms-asf": "asf asx",
    "video/x-ms-wmv": "wmv",
    "video/x-msvideo": "avi",
}
WEB = {f".{extension}": kind for kind, extensions in TYPES.items() for extension in extensions.split()}


def extension_of(name: bytes) -> str:
    return os.path.splitext(name)[1].lower().decode("latin-1")


def is_known(name: bytes) -> bool:
    """Whether it has the name of a file of a type that is known."""
    return extension_of(name) in WEB


def content_type(name: bytes) -> bytes:
    """The Content-Type of a file; text is said to be UTF-8, as everything written today is."""
    kind = WEB.get(extension_of(name), UNKNOWN)
    if kind.startswith("text/"):
        kind += "; charset=utf-8"
    return kind.encode()
