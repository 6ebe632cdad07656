"""Lists archives as three readers see them: GNU tar, Python's tarfile, libarchive.

Paths of archives come on standard input, one a line; for each, one line of JSON goes to standard output:
{"gnu": LIST, "python": LIST, "libarchive": LIST}, where LIST is what listing() of the tests gives, or
{"error": TEXT}, or null for a reader that is not installed.
"""
import ctypes, ctypes.util, hashlib, json, locale, os, re, shutil, subprocess, sys, tarfile

locale.setlocale(locale.LC_ALL, "C.UTF-8")


def plain(path):
    return b"/".join(name for name in path.split(b"/") if name not in (b"", b".")).hex()


def line(kind, path, size=None, content=None, target=None):
    text = f"{kind} {plain(path)}"
    if kind == "file":
        text += f" {size} {hashlib.sha256(content).hexdigest()}"
    elif kind == "symlink":
        text += f" {target.hex()}"
    elif kind == "link":
        text += f" {plain(target)}"
    return text


def python(path):
    lines = []
    with tarfile.open(path, "r:", encoding="utf-8", errors="surrogateescape") as archive:
        for member in archive:
            name = member.name.encode("utf-8", "surrogateescape")
            target = member.linkname.encode("utf-8", "surrogateescape")
            if member.isreg():
                lines.append(line("file", name, member.size, archive.extractfile(member).read()))
                continue
            kinds = {b"1": "link", b"2": "symlink", b"3": "char", b"4": "block", b"5": "dir", b"6": "fifo"}
            kind = kinds.get(member.type, f"type-{member.type!r}")
            lines.append(line(kind, name, target=target))
    return lines


# A time that has no calendar day is one number.
GNU_LINE = re.compile(rb"^(.)\S+\s+\S+\s+(\S+)\s+(?:-?\d+-\d\d-\d\d \S+|-?\d+)\s+(.*)$")
ESCAPES = {b"n": b"\n", b"t": b"\t", b"b": b"\b", b"a": b"\a", b"f": b"\f", b"v": b"\v", b"r": b"\r"}


def unescape(text):
    def one(match):
        part = match.group(1)
        return bytes([int(part, 8)]) if len(part) == 3 else ESCAPES.get(part, part)

    return re.sub(rb"\\([0-7]{3}|.)", one, text, flags=re.S)


def gnu(path):
    common = ["tar", "-P", "--numeric-owner", "--utc", "--full-time", "--quoting-style=escape", "--quote-chars= "]
    environment = dict(os.environ, LC_ALL="C")
    listed = subprocess.run(common + ["-tvf", path], capture_output=True, env=environment)
    content = subprocess.run(["tar", "-P", "-xOf", path], capture_output=True, env=environment)
    for done in (listed, content):
        if done.returncode != 0:
            raise ValueError(done.stderr.decode(errors="replace"))
    lines, at = [], 0
    for text in listed.stdout.splitlines():
        kind, size, rest = GNU_LINE.match(text).groups()
        kinds = {b"-": "file", b"C": "file", b"d": "dir", b"l": "symlink", b"h": "link", b"c": "char", b"b": "block",
                 b"p": "fifo"}
        kind = kinds.get(kind, f"type-{kind!r}")
        target = b""
        if kind in ("symlink", "link"):
            # Spaces inside of names are escaped.
            rest, target = re.split(rb"(?<!\\) (?:->|link to) ", rest, maxsplit=1)
        data = b""
        if kind == "file":
            data = content.stdout[at:at + int(size)]
            at += int(size)
            if len(data) != int(size):
                raise ValueError("less content than listed")
        lines.append(line(kind, unescape(rest), int(size) if kind == "file" else 0, data, unescape(target)))
    if at != len(content.stdout):
        raise ValueError("more content than listed")
    return lines


def load_libarchive():
    name = ctypes.util.find_library("archive") or "libarchive.so.13"
    try:
        library = ctypes.CDLL(name)
    except OSError:
        return None
    library.archive_read_new.restype = ctypes.c_void_p
    for function in ("archive_entry_pathname", "archive_entry_symlink", "archive_entry_hardlink", "archive_error_string"):
        getattr(library, function).restype = ctypes.c_char_p
    library.archive_entry_size.restype = ctypes.c_int64
    library.archive_read_data.restype = ctypes.c_ssize_t
    return library


LIBARCHIVE = load_libarchive()


def libarchive(path):
    call = LIBARCHIVE
    archive = ctypes.c_void_p(call.archive_read_new())
    try:
        call.archive_read_support_format_tar(archive)
        if call.archive_read_open_filename(archive, path.encode(), ctypes.c_size_t(10240)) != 0:
            raise ValueError(call.archive_error_string(archive))
        lines = []
        while True:
            entry = ctypes.c_void_p()
            result = call.archive_read_next_header(archive, ctypes.byref(entry))
            if result == 1:
                return lines
            if result <= -25:
                raise ValueError(call.archive_error_string(archive))
            name = call.archive_entry_pathname(entry) or b""
            hardlink = call.archive_entry_hardlink(entry)
            kind = {0o100000: "file", 0o120000: "symlink", 0o020000: "char", 0o060000: "block", 0o040000: "dir",
                    0o010000: "fifo"}.get(call.archive_entry_filetype(entry), "unknown")
            if hardlink is not None:
                lines.append(line("link", name, target=hardlink))
                continue
            content = b""
            if kind == "file":
                buffer = ctypes.create_string_buffer(1 << 16)
                parts = []
                while True:
                    read = call.archive_read_data(archive, buffer, ctypes.c_size_t(1 << 16))
                    if read < 0:
                        raise ValueError(call.archive_error_string(archive))
                    if read == 0:
                        break
                    parts.append(buffer.raw[:read])
                # A hole at the end is not given as data.
                content = b"".join(parts).ljust(call.archive_entry_size(entry), b"\0")
            target = call.archive_entry_symlink(entry) or b""
            lines.append(line(kind, name, call.archive_entry_size(entry), content, target))
    finally:
        call.archive_read_free(archive)


def attempt(reader, path):
    try:
        return reader(path)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


HAVE_GNU = shutil.which("tar") is not None
for path in sys.stdin:
    path = path.rstrip("\n")
    print(json.dumps({
        "gnu": attempt(gnu, path) if HAVE_GNU else None,
        "python": attempt(python, path),
        "libarchive": attempt(libarchive, path) if LIBARCHIVE is not None else None,
    }))
