# SPDX-License-Identifier: Apache-2.0
"""Specs and requirements from files, decoded and sealed as the ``unikernel`` command does it
(common/decode/yaml.cc, common/model/secret.cc), so that both send the same bytes. No secret leaves the machine."""

import hashlib
import json
import math
import os
import pathlib
import re

import yaml

from unikernelclient import exceptions

BYTES_MOST = 1 << 20
SECRET_BYTES_MOST = 4096
ITERATIONS = 10_000  # secret_iterations of common/model/secret.hh, which says why
_WORDS = {"": None, "~": None, "null": None, "Null": None, "NULL": None, "true": True, "True": True, "TRUE": True,
          "false": False, "False": False, "FALSE": False}
_FORMS = ("plain", "from_env", "from_file")


def read(path):
    """A YAML or JSON (.json) file as a document in which every secret is sealed. InvalidInput names the place."""
    path = pathlib.Path(path)
    try:
        data = path.read_bytes()
    except OSError as error:
        raise exceptions.InvalidInput(f"{path}: {error.strerror}") from error
    if len(data) > BYTES_MOST:
        raise exceptions.InvalidInput(f"{path}: {len(data)} bytes are over the limit of {BYTES_MOST}")
    try:
        text = data.decode()
        document = decode_json(text) if path.suffix == ".json" else decode_yaml(text)
        return seal_secrets(document, path.parent)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise exceptions.InvalidInput(f"{path}:{mark.line + 1}:{mark.column + 1}: {error.problem}") from error
    except (ValueError, yaml.YAMLError, RecursionError) as error:
        raise exceptions.InvalidInput(f"{path}: is not UTF-8 YAML or JSON: {error}") from error
    except exceptions.InvalidInput as error:
        raise exceptions.InvalidInput(f"{path}: {error}") from error


def decode_json(text):
    """A document of JSON (RFC 8259). Refused: duplicate keys, of which Python would silently keep the last; NaN,
    Infinity and numbers that become it, which Python would send on."""
    return json.loads(text, object_pairs_hook=_object, parse_constant=_number, parse_float=_number)


def _object(pairs):
    mapping = {}
    for key, value in pairs:
        if key in mapping:
            raise exceptions.InvalidInput(f"key {json.dumps(key, ensure_ascii=False)} appears twice")
        mapping[key] = value
    return mapping


def _number(text):
    if not math.isfinite(float(text)):
        raise exceptions.InvalidInput(f"{text} is no number of JSON")
    return float(text)


def decode_yaml(text):
    """One YAML 1.2 document by the core schema (10.3.2), as JSON: "yes" and 2026-01-01 are text. Refused: anchors,
    aliases, duplicate keys."""
    node = yaml.compose(text, Loader=_Loader)
    if node is None:
        raise exceptions.InvalidInput("is empty")
    return _value(node)


class _Loader(yaml.BaseLoader):
    def compose_node(self, parent, index):
        event = self.peek_event()
        if isinstance(event, yaml.AliasEvent) or event.anchor:
            raise yaml.MarkedYAMLError(problem="anchors (&name) and aliases (*name) are not supported; write the "
                                       "value out", problem_mark=event.start_mark)
        return super().compose_node(parent, index)


def _value(node):
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node.value) if node.style is None else node.value
    if isinstance(node, yaml.SequenceNode):
        return [_value(item) for item in node.value]
    mapping = {}
    for key, item in node.value:
        problem = ("a key must be a plain word" if not isinstance(key, yaml.ScalarNode) else
                   f'key "{key.value}" appears twice' if key.value in mapping else None)
        if problem:
            raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
        mapping[key.value] = _value(item)
    return mapping


def _scalar(text):
    if text in _WORDS:
        return _WORDS[text]
    if re.fullmatch(r"[-+]?[0-9]+", text) and -1 << 63 <= int(text) < 1 << 64:
        return int(text)
    if re.fullmatch(r"0x[0-9a-fA-F]+|0o[0-7]+", text):
        return int(text, 0)
    if re.fullmatch(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", text) and math.isfinite(float(text)):
        return float(text)
    return text


def seal_secrets(document, folder="."):
    """The document with every {plain|from_env|from_file: X} below ``modules`` as {salt, hash, iterations}
    (PBKDF2-HMAC-SHA256). from_file is relative to ``folder``. The salt follows from the rest of the document and the
    secret's place: equal documents are sealed equally, and it tells nothing about the secret."""
    if not isinstance(document, dict) or "modules" not in document:
        return document
    secrets = []
    document = {**document, "modules": _take_secrets(document["modules"], "modules", pathlib.Path(folder), secrets)}
    context = json.dumps(document, sort_keys=True, separators=(",", ":"))
    for holder, key, path, plain in secrets:
        holder[key] = _sealed(plain, _salt(context, path))
    return document


def _take_secrets(value, path, folder, secrets):
    """A copy with null in place of each secret, which is added to ``secrets`` as (holder, key, path, text)."""
    if isinstance(value, dict):
        copy, items = {}, [(key, f"{path}.{key}", value[key]) for key in sorted(value)]
    elif isinstance(value, list):
        copy, items = [None] * len(value), [(i, f"{path}[{i}]", item) for i, item in enumerate(value)]
    else:
        return value
    for key, place, item in items:
        if isinstance(item, dict) and len(item) == 1 and next(iter(item)) in _FORMS:
            secrets.append((copy, key, place, _plain(item, place, folder)))
            copy[key] = None
        else:
            copy[key] = _take_secrets(item, place, folder, secrets)
    return copy


def _plain(form, place, folder):
    (kind, text), = form.items()
    if not isinstance(text, str):
        raise exceptions.InvalidInput(f"{place}.{kind}: must be a string")
    if kind == "from_env":
        if text not in os.environ:
            raise exceptions.InvalidInput(f"{place}.{kind}: the environment variable {text} is not set; "
                                          f"do: export {text}=...")
        plain = os.environb[text.encode()]
    elif kind == "from_file":
        plain = _secret_of(folder / text, place)
    else:
        plain = text.encode()
    if not 1 <= len(plain) <= SECRET_BYTES_MOST:
        raise exceptions.InvalidInput(f"{place}: a secret has 1 to {SECRET_BYTES_MOST} bytes, not {len(plain)}")
    return plain


def _secret_of(file, place):
    try:
        with open(file, "rb") as opened:
            plain = opened.read(SECRET_BYTES_MOST + 1)
    except OSError as error:
        raise exceptions.InvalidInput(f"{place}.from_file: {file}: {error.strerror}") from error
    return re.sub(rb"\r?\n?\Z", b"", plain, count=1)


def _salt(context, path):
    sha = hashlib.sha256()
    for field in ("unikernel secret salt 1", context, path):
        sha.update(b"%d:%s" % (len(field.encode()), field.encode()))
    return sha.digest()[:16]


def _sealed(plain, salt):
    digest = hashlib.pbkdf2_hmac("sha256", plain, salt, ITERATIONS)
    return {"salt": salt.hex(), "hash": digest.hex(), "iterations": ITERATIONS}
