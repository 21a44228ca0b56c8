;; Lesson: a job in WebAssembly's own text form, and nothing else. `ampule run` reads it as it is.
;;
;; It takes {"testvar": INTEGER} as the host writes it, without white space, and refuses every other document.
(module
  ;; What the host gives, all of it under the import module `ampule`.
  (import "ampule" "kwargs_len" (func $kwargs_len (result i32)))
  (import "ampule" "kwargs_read" (func $kwargs_read (param $to i32)))
  (import "ampule" "_return" (func $return (param $json i32) (param $len i32)))
  (import "ampule" "fail" (func $fail (param $json i32) (param $len i32)))

  ;; The host reads and writes here, so it must be exported under this name.
  (memory (export "memory") 1)
  (data (i32.const 0) "{\22testvar\22:")
  (data (i32.const 32)
    "{\22type\22: \22bad_kwargs\22, \22message\22: \22expected `testvar`, an integer of at most nine digits\22}")
  ;; 128: a number on its way out, written backwards from 160. 256: the kwargs.

  ;; Stands for no integer: it has a digit too many to be one.
  (global $none i64 (i64.const -1_000_000_000))

  (func (export "run")
    (local $testvar i64)
    (if (call $kwargs_fit) (then (call $kwargs_read (i32.const 256))))
    (local.set $testvar (call $testvar))
    (if (i64.eq (local.get $testvar) (global.get $none))
      (then (call $fail (i32.const 32) (i32.const 90)) (return)))
    (call $return_number (i64.add (local.get $testvar) (i64.const 5)))
    (call $return_number (i64.add (local.get $testvar) (i64.const 10))))

  ;; {"testvar":-999999999} is 22 bytes, and the shortest that is right is 13.
  (func $kwargs_fit (result i32)
    (i32.le_u (i32.sub (call $kwargs_len) (i32.const 13)) (i32.const 9)))

  ;; The integer in the kwargs, or $none if they are anything else.
  (func $testvar (result i64)
    (local $at i32) (local $digits i32) (local $digit i32) (local $negative i32) (local $sum i64)
    (if (i32.eqz (call $kwargs_fit)) (then (return (global.get $none))))
    ;; The first eleven bytes are those at 0.
    (loop $next
      (if (i32.ne (i32.load8_u (local.get $at)) (i32.load8_u offset=256 (local.get $at)))
        (then (return (global.get $none))))
      (local.set $at (i32.add (local.get $at) (i32.const 1)))
      (br_if $next (i32.lt_u (local.get $at) (i32.const 11))))
    ;; A minus.
    (local.set $negative (i32.eq (i32.load8_u offset=256 (local.get $at)) (i32.const 0x2d)))
    (local.set $at (i32.add (local.get $at) (local.get $negative)))
    ;; Digits, up to the first byte that is none.
    (block $end
      (loop $next
        (local.set $digit (i32.sub (i32.load8_u offset=256 (local.get $at)) (i32.const 0x30)))
        (br_if $end (i32.gt_u (local.get $digit) (i32.const 9)))
        (local.set $sum
          (i64.add (i64.mul (local.get $sum) (i64.const 10)) (i64.extend_i32_u (local.get $digit))))
        (local.set $digits (i32.add (local.get $digits) (i32.const 1)))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br $next)))
    ;; One digit at least, nine at most, then `}`, and nothing after it.
    (if (i32.gt_u (i32.sub (local.get $digits) (i32.const 1)) (i32.const 8))
      (then (return (global.get $none))))
    (if (i32.ne (i32.load8_u offset=256 (local.get $at)) (i32.const 0x7d))
      (then (return (global.get $none))))
    (if (i32.ne (i32.add (local.get $at) (i32.const 1)) (call $kwargs_len))
      (then (return (global.get $none))))
    (select (i64.sub (i64.const 0) (local.get $sum)) (local.get $sum) (local.get $negative)))

  ;; Hands a number out. May be called any number of times, and never ends the job.
  (func $return_number (param $number i64)
    (local $at i32) (local $left i64)
    (local.set $at (i32.const 160))
    (local.set $left (local.get $number))
    (if (i64.lt_s (local.get $number) (i64.const 0))
      (then (local.set $left (i64.sub (i64.const 0) (local.get $number)))))
    (loop $next
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (i64.store8 (local.get $at) (i64.add (i64.rem_u (local.get $left) (i64.const 10)) (i64.const 0x30)))
      (local.set $left (i64.div_u (local.get $left) (i64.const 10)))
      (br_if $next (i64.ne (local.get $left) (i64.const 0))))
    (if (i64.lt_s (local.get $number) (i64.const 0))
      (then
        (local.set $at (i32.sub (local.get $at) (i32.const 1)))
        (i32.store8 (local.get $at) (i32.const 0x2d))))
    (call $return (local.get $at) (i32.sub (i32.const 160) (local.get $at)))))
