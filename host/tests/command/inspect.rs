//! `ampule inspect`: what a program is, and whether it would be accepted.

use serde_json::json;

use super::shell::{Shell, assembled, fixture};

#[test]
fn a_program_is_described() {
    let ended = Shell::new().call(["inspect", &fixture("schema")]);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    insta::assert_snapshot!(ended.stdout, @r#"
    program   schema
    digest    sha256:37289273eed151d16d014b1f920994df95f0a2244d63575a6e266460b36bf08a
    kind      core module
    size      408 bytes
    memory    65536 bytes (64.0 KiB) at the start
    debug     0 bytes
    entry     run
    may use   nothing
    accepted  yes
    about
      {
        "name": "echo",
        "description": "Returns what it is given."
      }
    kwargs schema
      {
        "type": "object",
        "additionalProperties": false,
        "properties": {
          "name": {
            "type": "string"
          },
          "count": {
            "type": "integer"
          }
        }
      }
    result schema
      {
        "type": "object"
      }
    imports
      ampule
        _return  (i32, i32)
        kwargs_len  () -> i32
        kwargs_read  (i32)
    exports
      memory  memory
      run  ()
    "#);
}

#[test]
fn a_program_that_would_be_refused_is_described_with_the_reason() {
    let ended = Shell::new().call(["inspect", &fixture("missing")]);
    assert_eq!(ended.code, Some(3));
    insta::assert_snapshot!(ended.stdout, @r"
    program   missing
    digest    sha256:740aa104e509cf8507e5f65123599a1b3a198c202a7dba95a979b52235f6c23b
    kind      core module
    size      69 bytes
    memory    0 bytes at the start
    debug     0 bytes
    entry     run
    may use   nothing
    accepted  no
    imports
      ampule
        rename  ()
      env
        launch  (i32)
    exports
      run  ()
    ");
    insta::assert_snapshot!(ended.stderr, @r"
    error: bad_program: the program imports what the runner does not offer:
      `env.launch` (i32)
      `ampule.rename` ()
    ");
}

#[test]
fn what_a_program_may_use_is_read_from_its_imports() {
    let shell = Shell::new();
    let may_use = |name: &str| shell.call(["inspect", "--json", &fixture(name)]).document()["needs"].clone();
    assert_eq!(may_use("nothing"), json!([]));
    assert_eq!(may_use("random"), json!(["clock", "random"]));
    assert_eq!(may_use("files"), json!(["directories"]));
}

#[test]
fn the_document_tells_the_same_of_bytes_and_of_text() {
    let shell = Shell::new();
    let text = shell.call(["inspect", "--json", &fixture("schema")]);
    let bytes = shell.call(["inspect", "--json", &shell.file("schema.wasm", assembled("schema"))]);
    assert_eq!((text.code, &text.stdout), (Some(0), &bytes.stdout));
    let document = text.document();
    assert_eq!((&document["accepted"], &document["failure"]), (&true.into(), &json!(null)));
    assert_eq!((&document["kind"], &document["entry"]), (&"core module".into(), &json!(["run"])));
    assert_eq!(document["imports"][2], json!({ "module": "ampule", "name": "_return", "type": "(i32, i32)" }));
    assert_eq!(document["kwargs_schema"]["properties"]["name"], json!({ "type": "string" }));
}

#[test]
fn what_is_no_program_is_one_document_too() {
    let shell = Shell::new();
    let path = shell.file("garbage.wasm", "garbage");
    let document = shell.call(["inspect", "--json", &path]).document();
    assert_eq!((&document["accepted"], &document["kind"]), (&false.into(), &json!(null)));
    assert_eq!(document["failure"]["kind"], "bad_program");
    let ended = shell.call(["inspect", &path]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    assert!(ended.stderr.contains("found 7 bytes that begin with \"garbage\""), "{ended:?}");
}
