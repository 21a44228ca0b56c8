//! What is told to whoever may not, who asks nobody, and who asks a server for what it has no part in.

use std::process::Stdio;

use super::super::shell::{Ended, Shell, fixture};
use super::Serve;

#[test]
fn who_may_not_and_who_is_nobody_is_told_so() {
    let serve = Serve::start();
    let client = Shell::new();
    let created = |arguments: &[&str]| {
        let ended = serve.shell.call([&["tokens", "create"], arguments].concat());
        assert_eq!(ended.code, Some(0), "{ended:?}");
        ended.stdout.trim_end().to_owned()
    };
    let reader = client.file("reader", created(&["reader", "--role", "read"]));
    let other = client.file("other", created(&["other", "--role", "admin", "--tenant", "other"]));
    let id = serve.document(&client, &["enqueue", &fixture("nothing")])["id"].as_str().unwrap().to_owned();
    let on = |arguments: &[&str]| client.call([&["--server", &serve.url], arguments].concat());
    for (arguments, said) in [
        (&["list"][..], "Bearer"),
        (&["list"], "`--token-file` or $AMPULE_TOKEN"),
        (&["list", "--token", "amp_nobody"], "not known here"),
        (&["enqueue", &fixture("twice"), "-k", "n=1", "--token-file", &reader], "role"),
        (&["run", &fixture("twice"), "-k", "n=1", "--token-file", &reader], "role"),
        (&["show", &id, "--token-file", &other], "found none with the id"),
        (&["workers", "--token-file", &other], "without a tenant"),
        (&["list", "--token", "two words"], "a token such as"),
        (&["list", "--token-file", "not-there"], "--token-file"),
        (&["list", "--queue", "sqlite:x.db"], "found both"),
    ] {
        let ended = on(arguments);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    assert_eq!(on(&["show", &id, "--token-file", &reader]).code, Some(0));
}

#[test]
fn a_server_that_is_away_or_is_none_is_told_of() {
    let client = Shell::new();
    let on = |url: &str| client.call(["list", "--server", url, "--token", "amp_x"]);
    // The port of `discard`, where nobody listens; one that was free a moment ago may be somebody's now.
    let free = "http://127.0.0.1:9";
    let away = on(free);
    assert_eq!((away.code, away.stdout.as_str()), (Some(4), ""), "{away:?}");
    assert!(away.stderr.contains("cannot be reached") && away.stderr.contains(free), "{away:?}");
    for (head, found) in [
        ("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n", "an answer that is none"),
        ("HTTP/1.1 404 Not Found\r\ncontent-type: text/html\r\n", "404 Not Found with text/html"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:9/\r\n", "a redirect"),
    ] {
        let stranger = answering(format!("{head}content-length: 9\r\nconnection: close\r\n\r\n<p>hi</p>"));
        let ended = on(&stranger);
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("expected an Ampule server") && ended.stderr.contains(found), "{ended:?}");
    }
    let plain = answering("HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".to_owned());
    let untrusted = on(&plain.replace("http://", "https://"));
    assert_eq!(untrusted.code, Some(4), "{untrusted:?}");
    for bad in ["localhost:7070", "ftp://h", "http://u:secret@h"] {
        let ended = on(bad);
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("the URL of a server") && !ended.stderr.contains("secret"), "{ended:?}");
    }
    let authorities = client.call(["list", "--server", "https://127.0.0.1:9", "--ca-file", "not-there.pem"]);
    assert!(authorities.stderr.contains("not-there.pem"), "{authorities:?}");
}

#[test]
fn what_works_on_this_machine_alone_refuses_a_server() {
    let shell = Shell::new();
    for arguments in [
        &["work"][..],
        &["serve"],
        &["queue", "check"],
        &["queue", "backup", "x.db"],
        &["inspect", "x"],
        &["config"],
        &["interpreters"],
    ] {
        let ended = shell.call([&["--server", "http://127.0.0.1:9"], arguments].concat());
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(&format!("`{}`", arguments[0])), "{ended:?}");
        assert!(!shell.path("ampule.db").exists());
    }
}

#[test]
fn a_server_of_the_environment_is_not_taken_for_a_queue_of_this_directory() {
    let shell = Shell::new();
    let call = |arguments: &[&str], queue: &str| {
        let mut command = shell.command(arguments);
        command.env("AMPULE_SERVER", "http://127.0.0.1:9").env("AMPULE_QUEUE", queue).stdin(Stdio::null());
        Ended::from(command.output().unwrap())
    };
    for arguments in [&["work", "--until-empty"][..], &["queue", "check"]] {
        let ended = call(arguments, "");
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{ended:?}");
        assert!(ended.stderr.contains("$AMPULE_SERVER") && ended.stderr.contains("--queue"), "{ended:?}");
        assert!(!shell.path("ampule.db").exists());
    }
    assert_eq!(call(&["work", "--until-empty"], "sqlite:named.db").code, Some(0));
    assert_eq!(call(&["queue", "check"], "sqlite:named.db").code, Some(0));
    let shown = call(&["config"], "");
    assert!(shown.code == Some(0) && shown.stderr.contains("$AMPULE_SERVER"), "{shown:?}");
}

/// A server that answers every request so, for as long as the test goes on.
fn answering(answer: String) -> String {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = [0; 4_096];
            // Who hangs up has heard enough.
            let _ = std::io::Read::read(&mut stream, &mut head);
            let _ = std::io::Write::write_all(&mut stream, answer.as_bytes());
        }
    });
    url
}
