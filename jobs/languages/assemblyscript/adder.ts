// Lesson: a job in AssemblyScript. It needs no WASI: a program that exports `run` and its memory is enough.
// The language has no JSON: this reads the one document that it takes, and refuses every other.

// What the host gives, all of it under the import module `ampule`.
@external("ampule", "kwargs_len")
declare function kwargsLen(): i32;
@external("ampule", "kwargs_read")
declare function kwargsRead(to: usize): void;
@external("ampule", "_return")
declare function returnJson(json: usize, len: i32): void;
@external("ampule", "fail")
declare function failJson(json: usize, len: i32): void;

export function run(): void {
  const digits = testvarIn(readKwargs());
  if (digits == "") {
    const json = String.UTF8.encode(
      '{"type": "bad_kwargs", "message": "expected `testvar`, an integer of at most nine digits"}',
    );
    failJson(changetype<usize>(json), json.byteLength);
    return;
  }
  const sum = I64.parseInt(digits) + 5;
  _return(sum);
  _return(sum + 5);
}

function readKwargs(): string {
  const json = new ArrayBuffer(kwargsLen());
  kwargsRead(changetype<usize>(json));
  return String.UTF8.decode(json);
}

// Reads {"testvar": INTEGER}: the integer's text, or an empty one. Nine digits at most, so that no sum can overflow.
function testvarIn(json: string): string {
  const parts = json.trim().split(":");
  if (parts.length != 2 || !parts[0].startsWith("{") || !parts[1].endsWith("}")) return "";
  if (parts[0].slice(1).trim() != '"testvar"') return "";
  const integer = parts[1].slice(0, -1).trim();
  const start = integer.startsWith("-") ? 1 : 0;
  const count = integer.length - start;
  if (count < 1 || count > 9) return "";
  for (let at = start; at < integer.length; at++) {
    const code = integer.charCodeAt(at);
    if (code < 0x30 || code > 0x39) return "";
  }
  return integer;
}

// Hands a number out. May be called any number of times, and never ends the job.
function _return(number: i64): void {
  const json = String.UTF8.encode(number.toString());
  returnJson(changetype<usize>(json), json.byteLength);
}
