"""
Pseudonyms: a keyed, consistent name for every name of an account, of the same shape.

A pseudonym is an HMAC-SHA256 of the name under a key that only the mapping file holds, so nobody
without the file can check a guess, and the same name has the same pseudonym in every file and month
for which the same mapping is used. What policies compare stays comparable: names that begin or end
alike where a pattern such as `ops-*` asks for it have pseudonyms that do, too; addresses in one
network stay in one; ids keep the letters that say what they name.

The mapping file, mode 0600, is what turns pseudonyms back into names: keep it where the report's
readers cannot read it.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import json
import os
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from iamkit.arns import is_account
from iamkit.errors import WriteError, one_line

FORMAT: Final = 1
HEX: Final = 10  # digits of a pseudonym
WILD: Final = re.compile(r"(\*|\?|\$\{[^}]*\})")  # what stands for other text in a pattern
UNIQUE_ID: Final = re.compile(r"[A-Z]{4}[A-Z0-9]{12,}")  # AIDA…, AKIA…
# Leading bits of an address that say what kind it is, such as 10.0.0.0/8; more where a part of such
# a network is private, so that an address stays on its side.
KEPT_BITS: Final = {4: 8, 6: 16}
BESIDE: Final = {100, 169, 172, 192, 198}  # first numbers of networks of which a part is private


class Pseudonyms:
    """The pseudonyms under one key, and what each stands for."""

    def __init__(self, key: bytes, names: dict[str, str] | None = None) -> None:
        self.key = key
        self.names = dict(names or {})  # pseudonym of each name
        self._begin: tuple[str, ...] = ()
        self._end: tuple[str, ...] = ()

    def keep_comparable(self, patterns: Iterable[str]) -> None:
        """Have the pseudonyms of names that these patterns match be matched by theirs."""
        pieces = [WILD.split(pattern) for pattern in patterns if WILD.search(pattern)]
        by_length = {"key": len, "reverse": True}
        self._begin = tuple(sorted({p[0] for p in pieces if p[0]}, **by_length))  # type: ignore[call-overload]
        self._end = tuple(sorted({p[-1] for p in pieces if p[-1]}, **by_length))  # type: ignore[call-overload]

    def name(self, text: str, kind: str) -> str:
        """The pseudonym of a name; of a pattern, one that matches the pseudonyms of its names."""
        if not text or text in ("*", "?"):
            return text
        if text in self.names:
            return self.names[text]
        if WILD.search(text):
            return self._pattern(text, kind)
        begin = next((each for each in self._begin if text.startswith(each)), "")
        rest = text[len(begin) :]
        end = next((each for each in self._end if rest.endswith(each)), "")
        middle = f"{kind}-{self._digest(text)}"
        return self._keep(text, f"{self._begins(begin)}{middle}{self._ends(end)}")

    def account(self, number: str) -> str:
        """Another twelve digits."""
        made = f"{int(self._digest(number, 16), 16) % 10**12:012}"
        return self.names.get(number) or self._keep(number, made)

    def unique_id(self, text: str) -> str:
        """Another id of the same kind and length: the first four letters say what it names."""
        digits = hmac.new(self.key, text.encode(), hashlib.sha512).digest()
        made = "".join("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"[each % 32] for each in digits)
        return self.names.get(text) or self._keep(text, text[:4] + made[: len(text) - 4])

    def sid(self, text: str) -> str:
        """Another statement id, which takes letters and digits only."""
        made = f"Sid{self._digest(text)}"
        return self.names.get(text) or self._keep(text, made)

    def address(self, text: str) -> str:
        """
        Another address or network of the same size; those in one network stay in one.

        What everybody knows stays: what is wider than that, and which range an address is in.
        """
        try:
            network = ipaddress.ip_network(text, strict=False)
            first = ipaddress.ip_interface(text).ip
        except ValueError:
            return self.name(text, "network")
        if text in self.names:
            return self.names[text]
        kept = KEPT_BITS[network.version]
        if network.version == 4 and int(first) >> 24 in BESIDE:
            kept = 16
        bits = f"{int(first):0{first.max_prefixlen}b}"
        last = network.prefixlen if "/" in text else first.max_prefixlen
        made = bits[:kept]
        for at in range(kept, last):
            made += str(int(bits[at]) ^ int(self._digest(f"bit\x1f{bits[:at]}", 1), 16) % 2)
        whole = made[:last] + bits[len(made[:last]) :]
        other = str(type(first)(int(whole, 2)))
        return self._keep(text, f"{other}/{text.partition('/')[2]}" if "/" in text else other)

    def text(self, text: str) -> str:
        """Text of which nothing is known: every name, account id and id in it is replaced."""
        known = sorted((name for name in self.names if len(name) > 2), key=len, reverse=True)
        if not known:
            return text
        found = re.compile(rf"(?<![A-Za-z0-9])(?:{'|'.join(map(re.escape, known))})(?![A-Za-z0-9])")
        return found.sub(lambda match: self.names[match[0]], text)

    def _pattern(self, text: str, kind: str) -> str:
        first, *middle, last = WILD.split(text)
        inner = [
            each if WILD.fullmatch(each) or not each else f"{kind}-{self._digest(each)}"
            for each in middle
        ]
        return "".join([self._begins(first), *inner, self._ends(last)])

    def _begins(self, text: str) -> str:
        """What the pseudonyms begin with of names that begin with a text."""
        if not text:
            return ""
        shorter = next((p for p in self._begin if text.startswith(p) and p != text), "")
        return f"{self._begins(shorter)}{self._keep(f'{text}…', self._digest(text, 6) + '-')}"

    def _ends(self, text: str) -> str:
        if not text:
            return ""
        shorter = next((e for e in self._end if text.endswith(e) and e != text), "")
        return f"{self._keep(f'…{text}', '-' + self._digest(text, 6))}{self._ends(shorter)}"

    def _digest(self, text: str, digits: int = HEX) -> str:
        message = text.encode("utf-8", "surrogatepass")
        return hmac.new(self.key, message, hashlib.sha256).hexdigest()[:digits]

    def _keep(self, text: str, made: str) -> str:
        return self.names.setdefault(text, made)


def read(path: Path) -> Pseudonyms:
    """The pseudonyms of a mapping file; a new key if there is none. Raises WriteError."""
    try:
        given: Any = json.loads(path.read_bytes())
        return Pseudonyms(bytes.fromhex(given["key"]), dict(given["names"]))
    except FileNotFoundError:
        return Pseudonyms(secrets.token_bytes(32))
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"{path} is no mapping that `iamkit report --redact` wrote: {one_line(error)}"
        raise WriteError(f"{said}; name another file, or none that exists") from error


def write(path: Path, pseudonyms: Pseudonyms) -> None:
    """Write the mapping file, for its owner only. Raises WriteError."""
    content = {"format": FORMAT, "key": pseudonyms.key.hex(), "names": pseudonyms.names}
    partial = path.with_name(f".{path.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        handle = os.open(partial, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            json.dump(content, file, indent=1, sort_keys=True)
        partial.replace(path)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {one_line(error)}") from error


def is_unique_id(text: str) -> bool:
    """Whether a text is an id that AWS gives, such as AIDA… or AKIA…, or an account's number."""
    return bool(UNIQUE_ID.fullmatch(text)) or is_account(text)
