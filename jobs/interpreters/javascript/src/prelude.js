// The globals that are easier said in JavaScript. Run once, before the snapshot, and given what only Rust can do. What
// it uses of the language is taken here, so that a job that changes a prototype changes nothing of it.
(natives) => {
  "use strict";
  const { Array, Map, Promise, RangeError, Set, String, TypeError, Uint8Array } = globalThis;
  const { defineProperty, freeze } = Object;
  const unbound = (method) => Function.prototype.call.bind(method);
  const getter = (object, name) => unbound(Object.getOwnPropertyDescriptor(object, name).get);

  const define = (name, value) =>
    defineProperty(globalThis, name, { value, writable: true, enumerable: false, configurable: true });

  // --- time

  const { setTimeout, monotonicMs } = natives;
  define("sleep", function sleep(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms));
  });
  const now = Date.now;
  define("performance", freeze({
    __proto__: null,
    // A run's monotonic clock begins with the run.
    now: () => monotonicMs(),
    get timeOrigin() {
      return now() - monotonicMs();
    },
  }));

  // --- text

  const { encodeUtf8, encodeUtf8Into, decodeUtf8 } = natives;
  class TextEncoder {
    get encoding() {
      return "utf-8";
    }
    encode(text = "") {
      return encodeUtf8(String(text));
    }
    encodeInto(text, bytes) {
      return encodeUtf8Into(String(text), bytes);
    }
  }
  define("TextEncoder", TextEncoder);

  const trim = unbound(String.prototype.trim);
  const lower = unbound(String.prototype.toLowerCase);
  class TextDecoder {
    #fatal;
    #ignoreBOM;
    #pending = null;
    constructor(label = "utf-8", options = undefined) {
      const name = lower(trim(String(label)));
      if (name !== "utf-8" && name !== "utf8" && name !== "unicode-1-1-utf-8") {
        throw new RangeError(`TextDecoder: expected the encoding utf-8, found ${name}`);
      }
      this.#fatal = Boolean(options?.fatal);
      this.#ignoreBOM = Boolean(options?.ignoreBOM);
    }
    get encoding() {
      return "utf-8";
    }
    get fatal() {
      return this.#fatal;
    }
    get ignoreBOM() {
      return this.#ignoreBOM;
    }
    decode(bytes = new Uint8Array(0), options = undefined) {
      if (options?.stream) {
        throw new TypeError("TextDecoder: decoding in parts is not supported; decode the whole");
      }
      return decodeUtf8(bytes, this.#fatal, this.#ignoreBOM);
    }
  }
  define("TextDecoder", TextDecoder);

  // --- random

  const { fillRandom } = natives;
  const hex = [];
  for (let byte = 0; byte < 256; byte++) hex[byte] = (byte < 16 ? "0" : "") + byte.toString(16);
  define("crypto", freeze({
    __proto__: null,
    getRandomValues: function getRandomValues(array) {
      fillRandom(array);
      return array;
    },
    randomUUID: function randomUUID() {
      const b = new Uint8Array(16);
      fillRandom(b);
      b[6] = (b[6] & 0x0f) | 0x40;
      b[8] = (b[8] & 0x3f) | 0x80;
      let text = "";
      for (let i = 0; i < 16; i++) text += (i === 4 || i === 6 || i === 8 || i === 10 ? "-" : "") + hex[b[i]];
      return text;
    },
  }));

  // --- for Rust

  const mapForEach = unbound(Map.prototype.forEach);
  const setForEach = unbound(Set.prototype.forEach);
  const numberOf = unbound(Number.prototype.valueOf);
  const stringOf = unbound(String.prototype.valueOf);
  const booleanOf = unbound(Boolean.prototype.valueOf);
  const isoText = unbound(Date.prototype.toISOString);
  const time = unbound(Date.prototype.getTime);
  const regExpSource = getter(RegExp.prototype, "source");
  const regExpFlags = getter(RegExp.prototype, "flags");
  const append = (list, value) =>
    defineProperty(list, list.length, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
  return {
    __proto__: null,
    // The first entries of a map, as a flat list.
    mapEntries(map, most) {
      const list = [];
      mapForEach(map, (value, key) => {
        if (list.length < 2 * most) {
          append(list, key);
          append(list, value);
        }
      });
      return list;
    },
    setValues(set, most) {
      const list = [];
      setForEach(set, (value) => {
        if (list.length < most) append(list, value);
      });
      return list;
    },
    mapSize: getter(Map.prototype, "size"),
    setSize: getter(Set.prototype, "size"),
    // The primitive in an object of Number, String or Boolean.
    unboxed(value) {
      for (const unbox of [numberOf, stringOf, booleanOf]) {
        try {
          return unbox(value);
        } catch {
          // Of another of the three.
        }
      }
    },
    dateText: (date) => (time(date) === time(date) ? isoText(date) : "Invalid Date"),
    regExpText: (regExp) => `/${regExpSource(regExp)}/${regExpFlags(regExp)}`,
    resolved: (value) => Promise.resolve(value),
    samples: () => [
      {},
      // One of a sloppy function, which knows its parameters, and one of a strict function.
      new Function("a", "return arguments")(1),
      (function () { return arguments; })(),
      new Number(0),
      new String(""),
      new Boolean(false),
    ],
  };
};
