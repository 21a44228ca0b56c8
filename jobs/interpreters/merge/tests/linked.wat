;; What dynamic linking makes of two libraries: a main module with the memory, the table and the globals; functions in it
;; that pass on calls of a later library by an earlier one; a last module that fills them in and starts the libraries; and
;; a shim for an import that needs the memory, filled by a fixup.
(component
  (import "log" (func $log (param "text" string)))
  (import "tick" (func $tick (result u32)))

  (core module $main_module
    (import "shim" "log" (func $log (param i32 i32)))
    (type $unary (func (param i32) (result i32)))
    (memory (export "memory") 1)
    (table (export "table") 8 funcref)
    (global (export "stack") (mut i32) (i32.const 4096))
    (global (export "first:memory_base") i32 (i32.const 1024))
    (global (export "first:table_base") i32 (i32.const 1))
    (global (export "second:memory_base") i32 (i32.const 2048))
    (global (export "second:table_base") i32 (i32.const 3))
    (global (export "first:GOT:square") (mut i32) (i32.const 3))
    (global (export "counter") (mut i32) (i32.const 0))
    (data (i32.const 1024) "first library")
    (data (i32.const 2048) "\07\00\00\00")
    (func (export "square") (type $unary) (call_indirect (type $unary) (local.get 0) (i32.const 5)))
    (func (export "log") (param i32 i32) (call $log (local.get 0) (local.get 1)))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 8192)))

  (core module $first_module
    (type $unary (func (param i32) (result i32)))
    (type $unused (func (param i64)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 2 funcref))
    (import "env" "stack" (global $stack (mut i32)))
    (import "env" "memory_base" (global $memory_base i32))
    (import "env" "table_base" (global $table_base i32))
    (import "env" "square" (func $square (type $unary)))
    (import "env" "log" (func $log (param i32 i32)))
    (import "env" "tick" (func $tick (result i32)))
    (import "GOT.func" "square" (global $square_address (mut i32)))
    (import "GOT.mem" "counter" (global $counter (mut i32)))
    (elem (global.get $table_base) func $twice $thrice)
    (func $twice (type $unary) (i32.mul (local.get 0) (i32.const 2)))
    (func $thrice (type $unary) (i32.mul (local.get 0) (i32.const 3)))
    (func $never_called (export "never_called") (param i64))
    (func (export "begin") (global.set $counter (i32.const 10)))
    (func (export "run") (param i32) (result i32)
      (call $log (global.get $memory_base) (i32.const 13))
      (global.set $stack (i32.sub (global.get $stack) (i32.const 16)))
      (global.set $counter (i32.add (global.get $counter) (call $tick)))
      (global.get $counter)
      (call $square (local.get 0))
      i32.add
      (call_indirect (type $unary) (local.get 0) (global.get $square_address))
      i32.add
      (call_indirect (type $unary) (local.get 0) (i32.add (global.get $table_base) (i32.const 1)))
      i32.add
      (i32.load (i32.add (i32.add (global.get $memory_base) (i32.const 1000)) (i32.const 24)))
      i32.add))

  (core module $second_module
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 2 funcref))
    (import "env" "table_base" (global $table_base i32))
    (import "env" "memory_base" (global $memory_base i32))
    (import "env" "offset" (func $offset (result i32)))
    (elem (global.get $table_base) $square)
    (func $square (export "square") (type $unary)
      (i32.add (i32.mul (local.get 0) (local.get 0)) (i32.load offset=0 (global.get $memory_base)))
      (call $offset)
      i32.add))

  (core module $stubs (func (export "offset") (result i32) (i32.const 100)))

  (core module $start_module
    (type $unary (func (param i32) (result i32)))
    (import "env" "memory" (memory 1))
    (import "env" "table" (table 6 funcref))
    (import "second" "square" (func $square (type $unary)))
    (import "first" "begin" (func $begin))
    (elem (i32.const 5) $square)
    (func $start (call $begin))
    (start $start))

  (core module $shim_module
    (type $log (func (param i32 i32)))
    (table (export "imports") 1 1 funcref)
    (func (export "log") (type $log)
      (call_indirect (type $log) (local.get 0) (local.get 1) (i32.const 0))))

  (core module $fixup_module
    (import "" "imports" (table 1 1 funcref))
    (import "" "log" (func $log (param i32 i32)))
    (elem (i32.const 0) $log))

  (core instance $shim (instantiate $shim_module))
  (core instance $main (instantiate $main_module (with "shim" (instance $shim))))
  (core func $tick' (canon lower (func $tick)))
  (core instance $first (instantiate $first_module
    (with "env" (instance
      (export "memory" (memory $main "memory"))
      (export "table" (table $main "table"))
      (export "stack" (global $main "stack"))
      (export "memory_base" (global $main "first:memory_base"))
      (export "table_base" (global $main "first:table_base"))
      (export "square" (func $main "square"))
      (export "log" (func $main "log"))
      (export "tick" (func $tick'))))
    (with "GOT.func" (instance (export "square" (global $main "first:GOT:square"))))
    (with "GOT.mem" (instance (export "counter" (global $main "counter"))))))
  (core instance $stub (instantiate $stubs))
  (core instance $second (instantiate $second_module
    (with "env" (instance
      (export "memory" (memory $main "memory"))
      (export "table" (table $main "table"))
      (export "memory_base" (global $main "second:memory_base"))
      (export "table_base" (global $main "second:table_base"))
      (export "offset" (func $stub "offset"))))))
  (core func $log' (canon lower (func $log) (memory $main "memory") string-encoding=utf8))
  (core instance (instantiate $fixup_module
    (with "" (instance
      (export "imports" (table $shim "imports"))
      (export "log" (func $log'))))))
  (core instance (instantiate $start_module
    (with "env" (instance $main))
    (with "first" (instance $first))
    (with "second" (instance $second))))
  (func (export "run") (param "number" u32) (result u32) (canon lift (core func $first "run")))
  (@custom "about" "kept")
)
