//! `tokens`: who may speak to the servers of a queue.

use serde_json::json;

use super::super::shell::Shell;
use super::redacted;

/// Makes a token and gives its text.
fn created(shell: &Shell, arguments: &[&str]) -> String {
    let ended = shell.call([&["tokens", "create"], arguments].concat());
    assert_eq!(ended.code, Some(0), "{ended:?}");
    ended.stdout.trim_end().to_owned()
}

fn id_of(text: &str) -> String {
    text.split('_').nth(1).unwrap().to_owned()
}

#[test]
fn a_new_token_stands_alone_on_stdout_and_is_never_shown_again() {
    let shell = Shell::new();
    let ended = shell.call(["tokens", "create", "ci", "--role", "submit"]);
    let text = ended.stdout.trim_end();
    assert!(text.starts_with("amp_") && text.len() == 49 && !text.contains('\n'), "{ended:?}");
    assert!(ended.stderr.contains("never again") && !ended.stderr.contains(text), "{ended:?}");
    let secret = text.rsplit('_').next().unwrap();
    for arguments in [&["tokens"][..], &["tokens", "list"], &["tokens", "--json"]] {
        let listed = shell.call(arguments);
        assert_eq!(listed.code, Some(0), "{listed:?}");
        assert!(listed.stdout.contains(&id_of(text)) && !listed.stdout.contains(secret), "{listed:?}");
    }
    let bytes = std::fs::read(shell.path("ampule.db")).unwrap();
    let log = std::fs::read(shell.path("ampule.db-wal")).unwrap_or_default();
    let holds = |bytes: &[u8]| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
    assert!(!holds(&bytes) && !holds(&log));
}

#[test]
fn a_table_tells_who_may_what_and_until_when() {
    let shell = Shell::new();
    let ids = [
        created(&shell, &["ops", "--role", "admin"]),
        created(&shell, &["Ada's laptop", "--role", "read", "--tenant", "acme", "--expires", "30d"]),
    ];
    let mut table = shell.call(["tokens"]).stdout;
    // An id may end as a time does.
    for text in &ids {
        table = table.replace(&id_of(text), "<token>");
    }
    insta::assert_snapshot!(redacted(&table), @r"
    ID  ROLE  TENANT  MADE  EXPIRES  USED  NAME
    <token>  admin  -  <time>  never  never  ops
    <token>  read  acme  <time>  in <time>  never  Ada's laptop
    ");
}

#[test]
fn documents_tell_the_same() {
    let shell = Shell::new();
    let arguments = ["tokens", "create", "ci", "--role", "read", "--expires", "2099-01-31T09:00:00+01:00"];
    let mut made = shell.document(&arguments);
    let text = made["token"].take();
    let id = id_of(text.as_str().unwrap());
    let listed = shell.document(&["tokens"]);
    made.as_object_mut().unwrap().remove("token");
    assert_eq!(listed, json!({ "tokens": [made] }));
    let made_at = made["made_at"].clone();
    let expected = json!({
        "id": id, "name": "ci", "role": "read", "tenant": null, "made_at": made_at,
        "expires_at": "2099-01-31T08:00:00.000Z", "used_at": null,
    });
    assert_eq!(made, expected);
    assert_eq!(shell.document(&["tokens", "revoke", &id]), json!({ "revoked": [id] }));
    assert_eq!(shell.document(&["tokens"]), json!({ "tokens": [] }));
}

#[test]
fn tokens_are_revoked_by_their_ids_all_or_none() {
    let shell = Shell::new();
    let ids = ["a", "b"].map(|name| id_of(&created(&shell, &[name, "--role", "read"])));
    let refused = shell.call(["tokens", "revoke", &ids[0], "nobody"]);
    assert_eq!(refused.code, Some(2), "{refused:?}");
    assert!(refused.stderr.contains("\"nobody\""), "{refused:?}");
    assert_eq!(shell.document(&["tokens"])["tokens"].as_array().unwrap().len(), 2);
    assert_eq!(shell.call(["tokens", "revoke", &ids[0], &ids[1]]).stdout, "2 tokens revoked\n");
    let none = shell.call(["tokens"]);
    assert!(none.stdout.is_empty() && none.stderr.contains("no tokens"), "{none:?}");
}

#[test]
fn what_is_wrong_with_a_token_is_said_and_none_is_made() {
    let shell = Shell::new();
    created(&shell, &["ops", "--role", "admin"]);
    for (arguments, said) in [
        (&["x"][..], "--role"),
        (&["x", "--role", "operator"], "\"operator\""),
        (&["x", "--role", "read", "--tenant", "a:b"], "signs of `._-/`"),
        (&["x", "--role", "read", "--tenant", "a b"], "signs of `._-/`"),
        (&["x", "--role", "read", "--expires", "soon"], "\"soon\""),
        (&["x", "--role", "read", "--expires", "2020-01-01T00:00:00Z"], "in the future"),
        (&["", "--role", "read"], "name"),
        (&["two\nlines", "--role", "read"], "one line"),
    ] {
        let ended = shell.call([&["tokens", "create"], arguments].concat());
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains(said) && ended.stdout.is_empty(), "{ended:?}");
    }
    assert_eq!(shell.document(&["tokens"])["tokens"].as_array().unwrap().len(), 1);
}

#[test]
fn whoever_only_looks_makes_no_queue() {
    let shell = Shell::new();
    for arguments in [&["tokens"][..], &["tokens", "revoke", "firsttoken00"]] {
        let ended = shell.call(arguments);
        assert_eq!(ended.code, Some(2), "{ended:?}");
    }
    assert!(!shell.path("ampule.db").exists());
}
