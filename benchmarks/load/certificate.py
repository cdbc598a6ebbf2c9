"""Makes a certificate for 127.0.0.1 that lasts a day, with the `openssl` program."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files; the certificate is its own authority."""

    certificate: Path
    key: Path


def try_make_certificate(folder: Path) -> Certificate | None:
    """A certificate in `folder`, or None where there is no `openssl`."""
    openssl = shutil.which("openssl")
    if openssl is None:
        return None
    made = Certificate(folder / "certificate.pem", folder / "key.pem")
    names = [
        "-subj",
        "/CN=127.0.0.1",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-addext",
        "basicConstraints=critical,CA:TRUE",
    ]
    kind = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc", "-days", "1"]
    subprocess.run(
        [openssl, *kind, *names, "-keyout", str(made.key), "-out", str(made.certificate)],
        check=True,
        capture_output=True,
    )
    return made
