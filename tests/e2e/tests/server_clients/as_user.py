"""Runs hammr against the server as its users do: as_user.py URL LOGIN PASSWORD SCANNED-INSTANCE ROOM

URL ends before /status; hammr lies beside the interpreter; ROOM is an empty directory that also serves as its home. Each step
prints a line. What hammr prints is what is looked at: it ends with 0 also where a generation failed, and with 2 where
it was refused. It reads many fields without asking whether they are there, and then ends in a traceback.
"""

import json
import os
import subprocess
import sys
import tarfile
import time
from pathlib import Path

from uforge.application import Api

DEADLINE = 900


def main():
    url, login, password, instance, room = sys.argv[1:]
    User(Hammr(url, login, password, Path(room)), instance).run()


class Hammr:
    """The program, with its options for the server."""

    def __init__(self, url, login, password, room):
        self.program = str(Path(sys.executable).with_name("hammr"))
        self.url, self.login, self.password, self.room = url, login, password, room

    def options(self, password=None):
        return ["--url", self.url, "--user", self.login, "--password", password or self.password]

    def start(self, arguments, options):
        # Without a home it would read its user's credentials; colours would break up what it prints.
        environment = dict(os.environ, HOME=str(self.room), NO_COLOR="1", PYTHONUNBUFFERED="1")
        command = [sys.executable, "-W", "ignore", self.program, *options, *map(str, arguments)]
        pipe = subprocess.PIPE
        return subprocess.Popen(
            command, env=environment, stdin=pipe, stdout=pipe, stderr=subprocess.STDOUT, text=True
        )

    def run(self, *arguments, code=0, answer="", options=None):
        """What it prints when it is run and ends with `code`; `answer` is what the user types."""
        ended, printed = self.run_to_end(arguments, self.options() if options is None else options, answer)
        expect(ended == code, f"{arguments} ends with {ended}", printed)
        return printed

    def run_to_end(self, arguments, options, answer):
        process = self.start(arguments, options)
        printed, _ = process.communicate(answer, timeout=DEADLINE)
        expect("Traceback" not in printed, f"{arguments} breaks down", printed)
        return process.returncode, printed


class User:
    def __init__(self, hammr, instance):
        self.hammr, self.instance = hammr, instance

    def run(self):
        self.scans_are_listed()
        self.credentials_file_serves_too()
        self.wrong_password_is_told()
        self.formats_are_listed()
        self.unknown_ids_are_told()
        self.images_are_built()
        self.images_are_listed()
        self.images_are_downloaded()
        self.build_is_cancelled()
        self.images_are_deleted()
        self.scan_is_deleted()

    def scans_are_listed(self):
        printed = self.hammr.run("scan", "list")
        expect("Found 1 scans" in printed, "not one scanned instance", printed)
        # Instances and their scans share the columns: a scan has no distribution.
        [instance, scan] = rows(printed)
        expect(instance[1] == self.instance and "Debian 12" in instance[3], "another instance", printed)
        expect("x86_64" in instance[3], "another architecture", printed)
        expect(scan[2:] == ["Done", "", ""], "a scan that is not done", printed)
        self.scan = scan[0]
        self.listed = printed
        step("scan list")

    def credentials_file_serves_too(self):
        directory = self.hammr.room / ".hammr"
        directory.mkdir()
        settings = {"url": self.hammr.url, "user": self.hammr.login, "password": self.hammr.password}
        lines = [f"{name}: {json.dumps(value)}\n" for name, value in settings.items()]
        (directory / "credentials.yml").write_text("".join(lines))
        printed = self.hammr.run("scan", "list", options=[])
        expect(rows(printed) == rows(self.listed), "another list than with options", printed)
        step("credentials file")

    def wrong_password_is_told(self):
        printed = self.hammr.run("scan", "list", code=2, options=self.hammr.options("wrong"))
        expect("UForge Error '401' with method: GET" in printed, "no error 401", printed)
        step("wrong password")

    def formats_are_listed(self):
        printed = self.hammr.run("format", "list")
        # The administrator may rename them; the primitive format tells what they are.
        self.types = {row[1]: row[0] for row in rows(printed) if row[4] == "X"}
        missing = {"vbox", "vmware", "qcow2", "raw"} - set(self.types)
        expect(not missing, f"no {missing}", printed)
        step("format list")

    def unknown_ids_are_told(self):
        file = self.builders("unknown.json", ["vbox"])
        printed = self.hammr.run("scan", "build", "--id", 987654321, "--file", file)
        expect("Impossible to generate this scan" in printed, "a scan that is not there is built", printed)
        printed = self.hammr.run("image", "download", "--id", 987654321, "--file", self.hammr.room / "no", code=2)
        expect("No image available" in printed, "an image that is not there", printed)
        printed = self.hammr.run("image", "list")
        expect("No image available" in printed and "No publication available" in printed, "images", printed)
        step("unknown ids")

    def images_are_built(self):
        primitives = ["vbox", "vmware", "qcow2", "raw"]
        file = self.builders("builders.json", primitives)
        printed = self.hammr.run("scan", "build", "--id", self.scan, "--file", file)
        for primitive in primitives:
            built = f"Generation '{self.types[primitive]}' ok"
            expect(built in printed, f"{primitive} is not built", printed)
        step("scan build")

    def images_are_listed(self):
        printed = self.hammr.run("image", "list")
        expect("Found 4 images" in printed, "not four images", printed)
        primitives = {name: primitive for primitive, name in self.types.items()}
        self.images = {}
        for row in rows(printed):
            # Id, name, version, revision, format, created, size, compressed, status.
            expect(row[7:] == ["X", "Done"], "an image that is not compressed and done", printed)
            expect(row[6] != "0B", "an image without size", printed)
            self.images[primitives[row[4]]] = row[0]
        expect(len(self.images) == 4, "two images of a format", printed)
        step("image list")

        printed = self.hammr.run("image", "info", "--id", self.images["vbox"])
        told = {row[0]: row[1] for row in rows(printed)}
        told = [told[field] for field in ("Id", "Format", "Compressed", "Generation Status")]
        expect(told == [self.images["vbox"], self.types["vbox"], "Yes", "Done"], "another image", printed)
        expect("Debian 12" in printed, "another system", printed)
        step("image info")

    def images_are_downloaded(self):
        # The second download of one takes the key that the list has after the first.
        for primitive in [*self.images, "vbox"]:
            file = self.hammr.room / primitive
            printed = self.hammr.run("image", "download", "--id", self.images[primitive], "--file", file)
            expect("Image downloaded" in printed, f"{primitive} is not downloaded", printed)
            expect(is_of_kind(file, primitive), f"{file} is not {primitive}", printed)
            file.unlink()
        step("image download")

    def build_is_cancelled(self):
        # One that is complete before the cancel arrives shows nothing.
        for _ in range(8):
            if self.is_cancelled_in_time():
                step("image cancel")
                return
        sys.exit("no generation was cancelled in time")

    def is_cancelled_in_time(self):
        arguments = ["scan", "build", "--id", self.scan, "--file", self.builders("cancelled.json", ["vmware"])]
        build = self.hammr.start(arguments, self.hammr.options())
        try:
            image = self.image_of(build)
            _, printed = self.hammr.run_to_end(["image", "cancel", "--id", image], self.hammr.options(), "y\n")
        finally:
            said, _ = build.communicate(timeout=DEADLINE)
        in_time = "Image Canceled" in printed and f"'{self.types['vmware']}' canceled" in said
        if in_time:
            row = only([row for row in rows(self.hammr.run("image", "list")) if row[0] == image])
            expect(row[8] == "Canceled", "an image that is not cancelled", str(row))
            refused = self.hammr.run("image", "download", "--id", image, "--file", self.hammr.room / "no")
            expect("Unable to download" in refused, "a cancelled image is downloaded", refused)
        else:
            expect(f"'{self.types['vmware']}' ok" in said, "neither cancelled nor done", printed + said)
        self.delete(image)
        return in_time

    def image_of(self, build):
        """The id of the image that `build` has just ordered; hammr itself would take a second for each look."""
        api = Api(self.hammr.url, self.hammr.login, self.hammr.password, timeout=120)
        end = time.monotonic() + DEADLINE
        while time.monotonic() < end:
            listed = api.Users(self.hammr.login).Images.Getall().images.image
            others = {str(image.dbId) for image in listed} - set(self.images.values())
            if others:
                return only(others)
            if build.poll() is not None:
                sys.exit(f"the build ends without an image:\n{build.stdout.read()}")
            time.sleep(0.05)
        build.kill()
        sys.exit("the build shows no image")

    def images_are_deleted(self):
        for image in self.images.values():
            self.delete(image)
        printed = self.hammr.run("image", "list")
        expect("No image available" in printed, "images that were deleted", printed)
        step("image delete")

    def scan_is_deleted(self):
        printed = self.hammr.run("scan", "delete", "--id", self.scan, answer="y\n")
        expect("Scan deleted" in printed, "the scan is not deleted", printed)
        left = [row[0] for row in rows(self.hammr.run("scan", "list")) if row[3] == ""]
        expect(left == [], "a scan that was deleted", str(left))
        step("scan delete")

    def delete(self, image):
        printed = self.hammr.run("image", "delete", "--id", image, answer="y\n")
        expect("Image deleted" in printed, f"image {image} is not deleted", printed)

    def builders(self, name, primitives):
        """A file as users write it; memory and disk size are mandatory to hammr, in MiB."""
        settings = {"hardwareSettings": {"memory": 768}, "installation": {"diskSize": 4096}}
        file = self.hammr.room / name
        file.write_text(json.dumps({"builders": [{"type": self.types[one], **settings} for one in primitives]}))
        return file


def step(text):
    print(text, flush=True)


def expect(condition, complaint, printed):
    if not condition:
        sys.exit(f"{complaint}:\n{printed}")


def only(things):
    [thing] = things
    return thing


def rows(printed):
    """The rows of the tables in what hammr prints, without their heads."""
    lines = [line for line in printed.splitlines() if line.startswith(("|", "+"))]
    rows = []
    for index, line in enumerate(lines):
        following = lines[index + 1] if index + 1 < len(lines) else ""
        if line.startswith("| ") and not following.startswith("+="):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return rows


def is_of_kind(file, primitive):
    if primitive in ("vbox", "vmware"):
        with tarfile.open(file) as archive:
            return archive.getnames()[0].endswith(".ovf")
    magic = {"qcow2": b"QFI\xfb", "raw": b"\x1f\x8b"}[primitive]
    return file.read_bytes()[: len(magic)] == magic


if __name__ == "__main__":
    main()
