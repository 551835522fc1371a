"""Clients that hand out tokens, for the trials to tell apart: python3 client.py careful|careless|spendthrift setup|token."""

import base64
import fcntl
import json
import os
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

FILE = os.path.join(os.environ["HOME"], "tokens.json")


def load():
    with open(FILE) as file:
        return json.load(file)


def save_in_place(tokens):
    file = os.open(FILE, os.O_WRONLY | os.O_TRUNC)
    os.write(file, json.dumps(tokens).encode())
    os.close(file)


def save_durably(tokens):
    part = f"{FILE}.{os.getpid()}"
    with open(part, "w") as file:
        json.dump(tokens, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(part, FILE)


def refresh(tokens):
    form = urllib.parse.urlencode({"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]})
    quoted = (urllib.parse.quote_plus(os.environ[f"TRIAL_CLIENT_{name}"]) for name in ("ID", "SECRET"))
    basic = base64.b64encode(":".join(quoted).encode()).decode()
    headers = {"Authorization": f"Basic {basic}"}
    request = urllib.request.Request(os.environ["TRIAL_TOKEN_URL"], form.encode(), headers)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    answer = json.load(opener.open(request, timeout=30))
    return {
        "access_token": answer["access_token"],
        "refresh_token": answer["refresh_token"],
        "expires_at": time.time() + answer["expires_in"],
    }


def careless():
    """No lock, no second look, and what fails is forgotten."""
    tokens = load()
    if tokens["expires_at"] - 60 < time.time():
        try:
            tokens = refresh(tokens)
        except Exception:
            os.remove(FILE)
            raise
        save_in_place(tokens)
    return tokens["access_token"]


def careful():
    """One at a time; the old token stays until the new one lasts, and goes again where its answer was lost."""
    with open(f"{FILE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tokens = load()
        if tokens["expires_at"] - 60 < time.time():
            tokens = refresh(tokens)
            save_durably(tokens)
        return tokens["access_token"]


def spendthrift():
    """Loses nothing and refreshes each time, whether it is due or not."""
    with open(f"{FILE}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        tokens = refresh(load())
        save_durably(tokens)
        return tokens["access_token"]


def setup():
    names = ("access_token", "refresh_token")
    save_durably({name: os.environ[f"TRIAL_{name.upper()}"] for name in names} | {"expires_at": 0})


if sys.argv[2] == "setup":
    setup()
else:
    print({"careful": careful, "careless": careless, "spendthrift": spendthrift}[sys.argv[1]]())
