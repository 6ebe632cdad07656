"""Reads a disk image with a library and writes the disk's bytes: read.py LIBRARY IMAGE OUTPUT"""

import sys

CHUNK = 1 << 20


def dissect_qcow2(path):
    from pathlib import Path

    from dissect.hypervisor.disk.qcow2 import QCow2

    return QCow2(Path(path)).open()


def dissect_vdi(path):
    from dissect.hypervisor.disk.vdi import VDI

    disk = VDI(open(path, "rb"))
    return disk.open() if hasattr(disk, "open") else disk


def dissect_vhd(path):
    from dissect.hypervisor.disk.vhd import VHD

    disk = VHD(open(path, "rb"))
    return disk.open() if hasattr(disk, "open") else disk


def dissect_vhdx(path):
    from pathlib import Path

    from dissect.hypervisor.disk.vhdx import VHDX

    disk = VHDX(Path(path))
    return disk.open() if hasattr(disk, "open") else disk


def dissect_vmdk(path):
    from pathlib import Path

    from dissect.hypervisor.disk.vmdk import VMDK

    disk = VMDK(Path(path))
    return disk.open() if hasattr(disk, "open") else disk


def libyal_qcow2(path):
    import pyqcow

    disk = pyqcow.file()
    disk.open(path)
    return disk


def libyal_vhdi(path):
    import pyvhdi

    disk = pyvhdi.file()
    disk.open(path)
    return disk


def libyal_vmdk(path):
    import pyvmdk

    disk = pyvmdk.handle()
    disk.open(path)
    disk.open_extent_data_files()
    return disk


def main():
    library, source, target = sys.argv[1:]
    try:
        disk = globals()[library](source)
        with open(target, "wb") as written:
            while chunk := disk.read(CHUNK):
                if chunk.count(0) == len(chunk):
                    written.seek(len(chunk), 1)
                else:
                    written.write(chunk)
            written.truncate()
    except Exception as error:
        sys.exit(f"{type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
