-- Times are milliseconds since the epoch. Identifiers are never used twice (AUTOINCREMENT): clients keep them.

CREATE TABLE users (
    id            INTEGER PRIMARY KEY AUTOINCREMENT,
    login         TEXT    NOT NULL,
    password_hash TEXT    NOT NULL,
    email         TEXT,
    first_name    TEXT,
    surname       TEXT,
    active        INTEGER NOT NULL DEFAULT 1,
    -- Goes up with every change of password or state: what was verified before does not count any more.
    generation    INTEGER NOT NULL DEFAULT 0,
    -- NULL: the server's own limit.
    scan_quota    INTEGER,
    image_quota   INTEGER,
    byte_quota    INTEGER,
    created       INTEGER NOT NULL,
    modified      INTEGER NOT NULL
);
-- No two logins differ in case alone.
CREATE UNIQUE INDEX users_login ON users (lower(login));

CREATE TABLE user_roles (
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT    NOT NULL,
    PRIMARY KEY (user_id, role)
);

-- The secret half is derived from the server's secret and the public half: it stands nowhere.
CREATE TABLE api_keys (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name        TEXT    NOT NULL,
    description TEXT,
    public_key  TEXT    NOT NULL UNIQUE,
    created     INTEGER NOT NULL
);
CREATE INDEX api_keys_user ON api_keys (user_id);

CREATE TABLE scanned_instances (
    id                   INTEGER PRIMARY KEY AUTOINCREMENT,
    user_id              INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name                 TEXT    NOT NULL,
    distribution_name    TEXT,
    distribution_version TEXT,
    distribution_arch    TEXT,
    group_name           TEXT,
    platform_type        TEXT,
    ram_size             INTEGER,
    overlay_included     INTEGER NOT NULL DEFAULT 1,
    created              INTEGER NOT NULL,
    modified             INTEGER NOT NULL
);
CREATE UNIQUE INDEX scanned_instances_user ON scanned_instances (user_id, name);

CREATE TABLE scans (
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    instance_id    INTEGER NOT NULL REFERENCES scanned_instances (id) ON DELETE CASCADE,
    user_id        INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name           TEXT    NOT NULL,
    -- waiting (for the tree), receiving (it), arriving (with it: there is no scan before it is whole), queued, reading,
    -- complete, failed, cancelled
    state          TEXT    NOT NULL,
    percentage     INTEGER NOT NULL DEFAULT 0,
    message        TEXT    NOT NULL DEFAULT '',
    error          TEXT,
    error_detail   TEXT,
    -- Our machine report, JSON, as given.
    machine_report TEXT,
    -- A report of another kind: a file of the server's own, stored and not read. Its bytes are part of held_bytes.
    report_file    TEXT,
    report_name    TEXT,
    report_bytes   INTEGER NOT NULL DEFAULT 0,
    -- Where the tree is: a file of the server's own (relative to its data) or, registered by the administrator, a path.
    tree_file      TEXT,
    tree_path      TEXT,
    tree_bytes     INTEGER NOT NULL DEFAULT 0,
    -- What counts against the user's bytes: an upper bound while they are being written, then what there is.
    held_bytes     INTEGER NOT NULL DEFAULT 0,
    tree_sha256    TEXT,
    overlay_name   TEXT,
    overlay_crc    TEXT,
    -- Uploads that were begun: names their files.
    uploads        INTEGER NOT NULL DEFAULT 0,
    -- Bytes of an upload that comes in parts, and how many of them are here for certain.
    upload_total   INTEGER,
    upload_offset  INTEGER NOT NULL DEFAULT 0,
    entries        INTEGER NOT NULL DEFAULT 0,
    content_bytes  INTEGER NOT NULL DEFAULT 0,
    -- The scan's install profile, JSON, and what else the tree says of its machine, JSON; once the tree is read.
    profile        TEXT,
    facts          TEXT,
    -- NULL: the tree's package system is not known.
    packages       INTEGER,
    created        INTEGER NOT NULL,
    modified       INTEGER NOT NULL
);
CREATE INDEX scans_instance ON scans (instance_id);
CREATE INDEX scans_user ON scans (user_id);

CREATE TABLE scan_packages (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    name    TEXT    NOT NULL,
    version TEXT    NOT NULL,
    arch    TEXT    NOT NULL,
    -- Bytes, installed.
    size    INTEGER NOT NULL
);
CREATE INDEX scan_packages_scan ON scan_packages (scan_id);

CREATE TABLE images (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    scan_id      INTEGER NOT NULL REFERENCES scans (id) ON DELETE CASCADE,
    user_id      INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    name         TEXT    NOT NULL,
    revision     INTEGER NOT NULL,
    format       TEXT    NOT NULL,
    compress     INTEGER NOT NULL,
    -- What was asked, JSON: all that a builder needs to run the order, and again to the same bytes.
    request      TEXT    NOT NULL,
    seed         TEXT    NOT NULL,
    timestamp    INTEGER NOT NULL,
    -- queued, running, complete, failed, cancelled
    state        TEXT    NOT NULL,
    percentage   INTEGER NOT NULL DEFAULT 0,
    bytes_done   INTEGER NOT NULL DEFAULT 0,
    bytes_total  INTEGER NOT NULL DEFAULT 0,
    message      TEXT    NOT NULL DEFAULT '',
    -- JSON list of sentences: what of the request was read over.
    notes        TEXT    NOT NULL DEFAULT '[]',
    error        TEXT,
    error_detail TEXT,
    -- The effective install profile, JSON.
    profile      TEXT,
    file_name    TEXT,
    file_size    INTEGER NOT NULL DEFAULT 0,
    -- All files of the image together.
    total_size   INTEGER NOT NULL DEFAULT 0,
    -- What counts against the user's bytes: an upper bound while they are being written, then what there is.
    held_bytes   INTEGER NOT NULL DEFAULT 0,
    sha256       TEXT,
    -- How often a one-time download key was redeemed; the next key is made of it.
    downloads    INTEGER NOT NULL DEFAULT 0,
    created      INTEGER NOT NULL,
    modified     INTEGER NOT NULL,
    finished     INTEGER
);
CREATE INDEX images_scan ON images (scan_id);
CREATE INDEX images_user ON images (user_id);

-- What is to be done: read a scan's tree, make an image. A row goes when its work is over, in the transaction that says
-- how it went; a lease that ran out makes it anybody's again.
CREATE TABLE jobs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    kind        TEXT    NOT NULL CHECK (kind IN ('scan', 'image')),
    subject_id  INTEGER NOT NULL,
    user_id     INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    cancelled   INTEGER NOT NULL DEFAULT 0,
    attempt     INTEGER NOT NULL DEFAULT 0,
    -- Which builder has it, and until when if nothing is heard of it.
    holder      TEXT,
    lease_until INTEGER,
    created     INTEGER NOT NULL,
    UNIQUE (kind, subject_id)
);
CREATE INDEX jobs_waiting ON jobs (lease_until, id);

-- Files to be removed: noted in the transaction that forgets their owner, so that no crash leaves them behind.
CREATE TABLE garbage (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    path    TEXT    NOT NULL UNIQUE,
    -- Whose bytes they are until then; no reference: files may outlive the account.
    user_id INTEGER NOT NULL,
    bytes   INTEGER NOT NULL
);
CREATE INDEX garbage_user ON garbage (user_id);
