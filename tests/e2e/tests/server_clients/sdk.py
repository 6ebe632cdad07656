"""Drives the server through the official SDK: sdk.py URL LOGIN PASSWORD SCANNED-INSTANCE ROOM

URL ends before /status. The SDK's binding takes no element that the schema does not have there, so each call below
checks its whole answer; what is compared besides is what users of the SDK read. Each step prints a line. ROOM is an
empty directory.

The SDK parses a 2xx answer only where its Content-Type is "application/xml" to the letter, and takes every other
answer outside 2xx for a uforgeError.
"""

import hashlib
import re
import sys
import time
from pathlib import Path

import requests
from uforge.application import Api
from uforge.objects import uforge

DEADLINE = 900
NOT_FOUND = {404}


def main():
    url, login, password, instance, room = sys.argv[1:]
    Session(url, login, password, instance, Path(room)).run()


class Session:
    def __init__(self, url, login, password, instance, room):
        self.url, self.login, self.password, self.instance_name, self.room = url, login, password, instance, room
        self.api = Api(url, username=login, password=password, timeout=120)

    def run(self):
        self.service_tells_its_version()
        self.user_is_who_logged_in()
        self.scan_is_listed()
        self.target_formats_are_listed()
        self.errors_are_documents()
        self.unchanged_scan_is_not_sent_again()
        image = self.image_is_generated()
        self.image_is_downloaded_with_its_key(image)
        self.image_is_downloaded_with_a_password(image)
        self.publishable_image_is_not_downloaded()
        self.generation_is_cancelled()
        self.image_is_deleted(image)

    def service_tells_its_version(self):
        stranger = Api(self.url, username="nobody", password="nothing", timeout=120)
        for api in (self.api, stranger):
            status = api.Status.Get()
            same(status.alive, True, "alive")
            # hammr compares it with its own.
            same(status.version, "3.8.13", "version")
        step("status")

    def user_is_who_logged_in(self):
        user = self.user().Get()
        same(user.loginName, self.login, "loginName")
        same(user.uri, f"users/{self.login}", "uri")
        holds(user.created is not None, "a user without a date")
        step("user")

    def scan_is_listed(self):
        bare = self.user().Scannedinstances.Getall()
        listed = self.user().Scannedinstances.Getall(Includescans="true")
        same(names(bare.scannedInstances.scannedInstance), names(listed.scannedInstances.scannedInstance), "names")
        self.instance = only(listed.scannedInstances.scannedInstance, name=self.instance_name)
        same(self.instance.uri, f"users/{self.login}/scannedinstances/{self.instance.dbId}", "uri")
        same(self.instance.scansUri, f"{self.instance.uri}/scans", "scansUri")
        same(self.instance.totalScans, 1, "totalScans")
        distribution = self.instance.distribution
        same((distribution.name, distribution.version.split(".")[0], distribution.arch),
             ("Debian", "12", "x86_64"), "distribution")

        [scan] = self.instance.scans.scan
        [by_list] = self.instance_call().Scans.Getall().scans.scan
        self.scan_id = scan.dbId
        self.scan = self.scan_call().Get()
        for other in (by_list, self.scan):
            same((other.dbId, other.name, other.uri), (scan.dbId, scan.name, scan.uri), "scan")
        same(scan.uri, f"{self.instance.scansUri}/{scan.dbId}", "uri")
        same(scan.imagesUri, f"{scan.uri}/images", "imagesUri")
        same(scan.scannedInstanceUri, self.instance.uri, "scannedInstanceUri")
        same(flags(scan.status), "complete", "status")
        one = self.instance_call().Get(Includescans="true")
        same((one.dbId, one.name, one.uri), (self.instance.dbId, self.instance.name, self.instance.uri), "instance")
        same(names(self.images()), [], "images")
        step("scans")

    def target_formats_are_listed(self):
        formats = self.user().Targetformats.Getall().targetFormats.targetFormat
        same(len({entry.dbId for entry in formats}), len(formats), "number of ids")
        for entry in formats:
            holds(entry.name and entry.category.name and entry.uri and entry.type, f"fields of {entry.name}")
        # The administrator may rename them; the primitive format tells what they are.
        self.formats = {entry.format.name: entry for entry in formats if entry.access and entry.active}
        missing = {"vbox", "vmware", "qcow2", "raw"} - set(self.formats)
        same(missing, set(), "missing target formats")
        step("target formats")

    def errors_are_documents(self):
        stranger = Api(self.url, username=self.login, password="wrong " + self.password, timeout=120)
        is_error(lambda: stranger.Users(self.login).Get(), {401}, "GET", f"/users/{self.login}")
        is_error(lambda: self.api.Users("root").Get(), {403, 404}, "GET", "/users/root")
        unknown = self.user().Scannedinstances(987654321)
        is_error(lambda: unknown.Get(), NOT_FOUND, "GET", "/scannedinstances/987654321")
        is_error(lambda: self.image_call(987654321).Get(), NOT_FOUND, "GET", "/images/987654321")
        is_error(lambda: self.image_call(987654321).Status.Get(), NOT_FOUND, "GET", "/images/987654321/status")
        is_error(lambda: self.image_call(987654321).Delete(), NOT_FOUND, "DELETE", "/images/987654321")
        order = uforge.image()
        order.compress = True
        order.targetFormat = uforge.targetFormat()
        order.targetFormat.name = "Punched Cards"
        is_error(lambda: self.image_call(None).Generate(order), {400, 403, 404}, "POST", "/images")
        same(names(self.images()), [], "images after an order that was refused")
        step("errors")

    def unchanged_scan_is_not_sent_again(self):
        first = self.get(self.scan.uri)
        same(first.headers["Content-Type"], "application/xml", "Content-Type")
        for name, validator in (("If-None-Match", "ETag"), ("If-Modified-Since", "Last-Modified")):
            again = self.get(self.scan.uri, **{name: first.headers[validator]})
            same((again.status_code, again.content), (304, b""), name)
        other = self.get(self.scan.uri, **{"If-None-Match": '"another"'})
        same((other.status_code, other.content), (200, first.content), "another tag")
        step("conditional GET")

    def image_is_generated(self):
        order = self.order("vbox", compress=True)
        order.installProfile.memorySize = 768
        ticket = self.image_call(None).Generate(order)
        same(ticket.uri, f"{self.scan.imagesUri}/{ticket.dbId}", "uri")
        same(ticket.statusUri, f"{ticket.uri}/status", "statusUri")
        same(ticket.parentUri, self.scan.uri, "parentUri")
        same(flags(ticket.status), "", "status")
        same((ticket.compress, ticket.targetFormat.name), (True, order.targetFormat.name), "compress and format")
        same((ticket.targetFormat.format.name, ticket.format.name), ("vbox", "vbox"), "primitive format")
        profile = ticket.installProfile
        same((profile.memorySize, profile.diskSize), (768, order.installProfile.diskSize), "effective profile")
        same((ticket.size, ticket.fileSize), (0, 0), "size")
        step(f"image {ticket.dbId} ordered")

        for listed in (self.images(), self.user().Images.Getall().images.image):
            same([(image.dbId, image.uri) for image in listed], [(ticket.dbId, ticket.uri)], "images")
        self.download_waits_for_the_image(ticket)
        same(flags(self.finished(ticket)), "complete", "final status")
        image = self.image_call(ticket.dbId).Get()
        same(flags(image.status), "complete", "status")
        holds(re.fullmatch("[0-9a-f]{64}", image.sha256sum), f"sha256sum {image.sha256sum}")
        holds(image.fileSize > 1 << 20, f"a file of {image.fileSize} bytes")
        same(image.size, image.fileSize, "size")
        holds(image.fileName.endswith(".ova"), f"a file called {image.fileName}")
        step(f"image {ticket.dbId} generated: {image.fileName}, {image.fileSize} bytes")
        return image

    def download_waits_for_the_image(self, ticket):
        answer = self.get(f"{ticket.uri}/downloads", stream=True)
        if answer.status_code == 200:
            # Generated in the meantime, which the server must then say.
            same(flags(self.image_call(ticket.dbId).Status.Get()), "complete", "status of what was sent")
        else:
            is_document(answer, {404, 409})
        answer.close()

    def image_is_downloaded_with_its_key(self, image):
        head, _, key = image.downloadUri.partition("?downloadId=")
        same((head, key), (f"{image.uri}/downloads/{image.fileName}", image.downloadKey), "downloadUri")
        # Reading the list again takes no key from who has one.
        [listed] = self.user().Images.Getall().images.image
        holds(listed.downloadUri, "an image without downloadUri in the list")
        is_document(requests.get(f"{self.url}/{head}?downloadId=guessed", timeout=120), {401, 403, 404})

        answer = requests.get(f"{self.url}/{image.downloadUri}", stream=True, timeout=120)
        same(answer.status_code, 200, "status of the download")
        same(int(answer.headers["Content-Length"]), image.fileSize, "Content-Length")
        same(answer.headers.get("Content-Encoding"), None, "Content-Encoding")
        with open(self.room / "with-key", "wb") as file:
            for chunk in answer.iter_content(1 << 16):
                file.write(chunk)
        same(digest(self.room / "with-key"), image.sha256sum, "sha256 of the download with a key")
        is_document(requests.get(f"{self.url}/{image.downloadUri}", timeout=120), {401, 403, 404, 410})
        fresh = self.image_call(image.dbId).Get()
        holds(fresh.downloadKey not in (None, image.downloadKey), "no new key after a download")
        step("download with its key")

    def image_is_downloaded_with_a_password(self, image):
        downloads = self.image_call(image.dbId).Downloads
        for name, call in (("named", downloads.Downloadfile), ("bare", downloads.Download)):
            # A call of the SDK uses up the ids that it was given, so each gets them anew.
            self.image_call(image.dbId).Downloads(image.fileName)
            with open(self.room / name, "wb") as file:
                call(streamingResponseFile=file)
            same(digest(self.room / name), image.sha256sum, f"sha256 of the {name} download")
        step("download with a password")

    def publishable_image_is_not_downloaded(self):
        ticket = self.image_call(None).Generate(self.order("raw", compress=False))
        same(flags(self.finished(ticket)), "complete", "final status")
        image = self.image_call(ticket.dbId).Get()
        same((image.compress, image.downloadUri, image.downloadKey), (False, None, None), "compress and download")
        call = lambda: self.image_call(ticket.dbId).Downloads.Download()
        is_error(call, {403, 404, 409}, "GET", f"/images/{ticket.dbId}/downloads")
        self.image_call(ticket.dbId).Delete()
        step("no download without compress")

    def generation_is_cancelled(self):
        # One that is complete before the cancel arrives shows nothing.
        for _ in range(8):
            ticket = self.image_call(None).Generate(self.order("qcow2", compress=True))
            self.cancel(ticket)
            status = self.finished(ticket)
            if flags(status) == "cancelled":
                break
            same(flags(status), "complete", "status of what was not cancelled in time")
            self.image_call(ticket.dbId).Delete()
        else:
            sys.exit("no generation was cancelled in time")
        self.image_call(ticket.dbId).Status.Cancel()
        image = self.image_call(ticket.dbId).Get()
        same((flags(image.status), image.downloadUri), ("cancelled", None), "cancelled image")
        holds(image.status.message is not None, "a status without message")
        self.image_call(ticket.dbId).Delete()
        is_error(lambda: self.image_call(ticket.dbId).Get(), NOT_FOUND, "GET", f"/images/{ticket.dbId}")
        step("cancel")

    def cancel(self, ticket):
        call = self.image_call(ticket.dbId).Status.Cancel
        try:
            answer = call()
        except Exception as error:
            # Too late.
            is_refusal(refusal_in(error), {409})
        else:
            holds(isinstance(answer, uforge.OpStatus) or answer == b"", f"cancel is answered with {answer!r}")

    def image_is_deleted(self, image):
        self.image_call(image.dbId).Delete()
        call = self.image_call
        path = f"/images/{image.dbId}"
        is_error(lambda: call(image.dbId).Get(), NOT_FOUND, "GET", path)
        is_error(lambda: call(image.dbId).Status.Get(), NOT_FOUND, "GET", f"{path}/status")
        is_error(lambda: call(image.dbId).Downloads.Download(), NOT_FOUND, "GET", f"{path}/downloads")
        is_error(lambda: call(image.dbId).Delete(), NOT_FOUND, "DELETE", path)
        same((names(self.images()), names(self.user().Images.Getall().images.image)), ([], []), "images")
        step("delete")

    def user(self):
        return self.api.Users(self.login)

    def instance_call(self):
        return self.user().Scannedinstances(self.instance.dbId)

    def scan_call(self):
        return self.instance_call().Scans(self.scan_id)

    def image_call(self, image):
        # The SDK calls one id by two names, for what is generated and what is downloaded.
        return self.scan_call().Images(Itid=image, Sitid=image)

    def images(self):
        return self.scan_call().Images().Getall().images.image

    def order(self, primitive, compress):
        order = uforge.image()
        order.compress = compress
        # As hammr does: the whole target format as it was listed.
        order.targetFormat = self.formats[primitive]
        order.installProfile = uforge.installProfile()
        order.installProfile.diskSize = 4096
        return order

    def finished(self, ticket):
        """Polls until the generation ends, as hammr does, and returns the last status."""
        last, end = 0, time.monotonic() + DEADLINE
        while time.monotonic() < end:
            status = self.image_call(ticket.dbId).Status.Get()
            holds(last <= status.percentage <= 100, f"{status.percentage} % after {last} %")
            holds(status.message is not None, "a status without message")
            if flags(status) == "error":
                sys.exit(f"{status.message}\n{status.errorMessage}\n{status.detailedErrorMsg}")
            if flags(status):
                return status
            last = status.percentage
            time.sleep(0.2)
        sys.exit(f"{ticket.uri} has not ended after {DEADLINE} s")

    def get(self, uri, stream=False, **headers):
        headers["Accept"] = "application/xml"
        auth = (self.login, self.password)
        return requests.get(f"{self.url}/{uri}", auth=auth, headers=headers, stream=stream, timeout=120)


def step(text):
    print(text, flush=True)


def same(found, expected, what):
    if found != expected:
        raise AssertionError(f"{what}: {found!r}, not {expected!r}")


def holds(condition, complaint):
    if not condition:
        raise AssertionError(complaint)


def names(things):
    return sorted(thing.name for thing in things)


def only(things, name):
    [found] = [thing for thing in things if thing.name == name]
    return found


def flags(status):
    """What of a status is set; a running one has nothing, and no two go together."""
    return " ".join(name for name in ("complete", "error", "cancelled") if getattr(status, name))


def is_error(call, codes, method, path):
    """The call is refused, with all that a client prints of a refusal."""
    try:
        answer = call()
    except Exception as error:
        refusal = refusal_in(error)
    else:
        sys.exit(f"{method} {path} is not refused but answered with {answer!r}")
    is_refusal(refusal, codes)
    same(refusal.requestMethod, method, "requestMethod")
    holds(refusal.requestUri.partition("?")[0].endswith(path), f"requestUri {refusal.requestUri}, not {path}")


def refusal_in(error):
    """The document that the SDK raises; what else it raises is raised on."""
    if not error.args or not isinstance(error.args[0], uforge.UForgeError):
        raise error
    return error.args[0]


def is_document(answer, codes):
    """What was answered without the SDK is a refusal that the SDK can read."""
    is_refusal(uforge.CreateFromDocument(answer.content), codes)
    same(answer.headers["Content-Type"], "application/xml", "Content-Type")


def is_refusal(refusal, codes):
    holds(refusal.statusCode in codes, f"status {refusal.statusCode}, not one of {codes}")
    holds(refusal.localizedErrorMsg.message, "a refusal without message")
    holds(refusal.localizedErrorMsg.messageId, "a refusal without messageId")


def digest(path):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


if __name__ == "__main__":
    main()
