"""The models of `static:`, the files of a folder."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field

from proxy.config.file_rules import Folder
from proxy.config.forms import OneOrMany, OnOff, Section
from proxy.config.http_rules import FileName
from proxy.config.model import Bool, Model, Octets, coded
from proxy.config.name_rules import Extension, FilePath, MediaType, NamePattern
from proxy.config.rules import Duration, OneOf
from proxy.config.static_rules import CacheRule, ManifestPath

Types = dict[Annotated[str, Extension()], Annotated[str, MediaType()]]


class StaticCompress(Model):
    """What is compressed by the proxy itself: once, and then kept in memory."""

    minimum: Octets = coded("1KiB", "Size from which a file is compressed; smaller ones gain nothing.")


class StaticConfig(Model):
    """Files of a folder; what stands before the path's * is stripped."""

    root: Annotated[Path, Folder()] = Field(description="The folder.")
    max_age: Annotated[float | None, Duration("0s", optional=True)] = coded(
        None, "How long clients may keep a file without asking; null says nothing."
    )
    cache: list[CacheRule] = Field(
        default_factory=list,
        description="Other rules, by name; the first that matches counts, before manifest and max_age.",
    )
    manifest: Annotated[list[Annotated[Path, ManifestPath()]], OneOrMany(empty=True)] = Field(
        default_factory=list,
        description="What a build says of its files (Django, Vite, webpack): those are immutable.",
    )
    keep: Annotated[Path | None, Folder(optional=True, writable=True)] = coded(
        None, "Folder where files of this build and two before it are kept, for pages of before a deploy."
    )
    index: list[Annotated[str, FileName()]] = Field(
        default_factory=lambda: ["index.html"],
        description="Files that stand for their folder; the first that is there.",
    )
    fallback: Annotated[str | None, FilePath()] = coded(
        None,
        "File below the root that answers where nothing is, for a single-page application; "
        "names with the extension of a known type stay 404.",
    )
    not_found: Annotated[str | None, FilePath()] = coded(None, "Page below the root that a 404 comes with.")
    listing: Bool = Field(False, description="Whether a folder without an index shows what is in it.")
    hide: list[Annotated[str, NamePattern()]] = Field(
        default_factory=list,
        description="Patterns of names that are not served, nor what is below them: *.map, private.",
    )
    hidden: Bool = Field(False, description="Whether files whose names begin with a dot are served.")
    denied: Annotated[int, OneOf((404, 403), "an answer for what may not be read")] = Field(
        404, description="Answer for files that the proxy may not read; 403 tells that they are there."
    )
    follow_symlinks: Bool = Field(False, description="Whether links out of the folder are followed.")
    types: Annotated[Types, Section()] = Field(
        default_factory=dict, description="Media types by extension, before the known: {.foo: text/x-foo}."
    )
    precompressed: list[Annotated[str, OneOf(("br", "zstd", "gzip"), "a coding")]] = Field(
        default_factory=lambda: ["br", "zstd", "gzip"],
        description="Codings whose files (.br, .zst, .gz) answer for the file that they lie beside.",
    )
    compress: Annotated[StaticCompress | None, OnOff()] = Field(
        default_factory=StaticCompress,
        description="Text is compressed once and kept in memory, where nothing lies beside it; false: never.",
    )
    revalidate: Annotated[float, Duration("0s")] = coded(
        "1s", "Time between two looks whether a file in memory has changed."
    )
