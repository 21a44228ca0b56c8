//! A disk that runs full under a SQLite queue.

use std::process::Command;

use super::scene::Played;

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_called_so_and_nothing_is_lost_and_it_goes_on_when_there_is_room() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::create_dir(directory.path().join("disk")).expect("a directory");
    // A file system that only this child has, so nobody needs to unmount it. Whoever is not root is root in a name
    // space of their own.
    let script = r#"mount -t tmpfs -o size=12m tmpfs "$1/disk" && exec "$2" full "$1""#;
    let mut command = Command::new("unshare");
    command.args(["--mount", "--map-root-user", "sh", "-c", script, "sh"]);
    command.arg(directory.path()).arg(env!("CARGO_BIN_EXE_queue-child"));
    let status = Played::of(&mut command).ended().await.expect("it can be waited for");
    assert!(status.success(), "what went wrong stands above: {status}");
}
