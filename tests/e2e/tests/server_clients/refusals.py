"""Shows that the official SDK refuses what is not of the schema: without that, what it accepts would say nothing."""

import sys

from uforge.application import _Objects

RIGHT = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'
    '<ns0:image xmlns:ns0="http://www.usharesoft.com/uforge"><created>2026-01-01T00:00:00.000Z</created><dbId>3</dbId>'
    "<size>0</size><status><cancelled>false</cancelled><complete>false</complete></status><compress>true</compress>"
    "<format><name>vbox</name></format><name>a machine</name></ns0:image>"
)

# What is replaced in it, and by what.
WRONG = {
    "root in no namespace": ("ns0:image", "image"),
    "children in the namespace": ("<dbId>3</dbId>", "<ns0:dbId>3</ns0:dbId>"),
    "default namespace": (
        '<ns0:image xmlns:ns0="http://www.usharesoft.com/uforge">',
        '<ns0:image xmlns:ns0="http://www.usharesoft.com/uforge" xmlns="http://www.usharesoft.com/uforge">',
    ),
    "unknown element": ("<compress>", "<colour>red</colour><compress>"),
    "wrong order": ("<size>0</size>", "<size>0</size><sha256sum>00</sha256sum>"),
    "unknown primitive format": ("vbox", "VirtualBox"),
    "number that is none": ("<dbId>3</dbId>", "<dbId>three</dbId>"),
    "truth value that is none": ("<compress>true", "<compress>yes"),
    "date that is none": ("2026-01-01T", "2026-01-01 "),
    "no document": (RIGHT, ""),
}


def main():
    image = _Objects.parseString(RIGHT.encode(), True)
    if (image.dbId, image.format.name, image.compress) != (3, "vbox", True):
        sys.exit("the right document is read wrongly")
    for what, (old, new) in WRONG.items():
        if old not in RIGHT:
            sys.exit(f"{what}: nothing is replaced")
        try:
            _Objects.parseString(RIGHT.replace(old, new).encode(), True)
        except Exception:
            continue
        sys.exit(f"{what}: accepted")


if __name__ == "__main__":
    main()
