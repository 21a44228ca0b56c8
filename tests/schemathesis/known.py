"""Makes what can be asked for by its name or id, on the server of `base` and `token`, and prints the ids of a job and of a
delivery. Run by `run`. Readies the languages too, so that no request waits for a compiler."""

import base64
import sys
import time

import requests

# A module that returns 42: `ampule._return(0, 2)` of a memory that begins with these digits.
PROGRAM = base64.b64decode(
    "AGFzbQEAAAABCQJgAn9/AGAAAAISAQZhbXB1bGUHX3JldHVybgAAAwIBAQUDAQABBxACBm1lbW9yeQIAA3J1bgABCgoBCABBAEECEAALCwgBAEEACwI0Mg=="
)
# How long a compiler may take for an interpreter on a slow machine.
SLOW_SECONDS = 300


def main(base: str, token: str) -> None:
    session = requests.Session()
    session.trust_env = False
    session.headers["Authorization"] = f"Bearer {token}"

    def ask(method: str, path: str, **body) -> dict:
        answer = session.request(method, base + path, timeout=SLOW_SECONDS, **body)
        if not answer.ok:
            sys.exit(f"expected {method} {path} to go well, found {answer.status_code}: {answer.text}")
        return answer.json()

    ask("PUT", "/v1/programs/known", data=PROGRAM, headers={"Content-Type": "application/wasm"})
    ask("PUT", "/v1/schedules/known", json={"every": "1d", "program": "known", "paused": True})
    # Its name is reserved for names that never resolve, so it is tried again and again, and stays.
    told = {"program": "known", "at_return": {"url": "https://receiver.invalid/"}}
    job = ask("POST", "/v1/jobs?wait=100ms", json=told)["id"]
    for language in ask("GET", "/v1/version")["languages"]:
        ask("POST", "/v1/run", json={"language": language["name"], "source": "", "timeout": "60s"})
    deadline = time.monotonic() + SLOW_SECONDS
    while not (deliveries := ask("GET", "/v1/webhooks")["deliveries"]):
        if time.monotonic() > deadline:
            sys.exit("expected the end of a job to be told, found no delivery")
        time.sleep(0.1)
    print(job, deliveries[0]["id"])


if __name__ == "__main__":
    main(*sys.argv[1:])
