//! A cluster of PostgreSQL that is this benchmark's alone: `fsync` on, on the disk where the SQLite files lie.
//!
//! Stopping and removing it is the scratch directory's part.

use std::os::unix::fs::{DirBuilderExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use crate::meter;
use crate::scratch::Scratch;

/// What is set: memory and log for a machine that does more than tests. All that makes commits safe is as it comes.
const SETTINGS: &str = "listen_addresses = ''\nmax_connections = 200\nshared_buffers = '512MB'\nmax_wal_size = '4GB'\n";
pub(crate) const SETTINGS_IN_WORDS: &str = "shared_buffers 512 MB, max_wal_size 4 GB, all else as it comes";

pub(crate) struct Cluster {
    sockets: PathBuf,
    postmaster: u32,
    pub(crate) version: String,
}

impl Cluster {
    /// Makes one and starts it, or says why not.
    pub(crate) async fn start(scratch: &Scratch) -> Result<Self, String> {
        let tools = Tools::find()?;
        let folder = scratch.path().join("postgres");
        std::fs::DirBuilder::new().mode(0o700).create(&folder).map_err(|error| error.to_string())?;
        let (user, group) = tools.user.unzip();
        chown(&folder, user, group).map_err(|error| error.to_string())?;
        let (data, log) = (folder.join("data"), folder.join("log"));
        let (data, log) = (data.to_string_lossy(), log.to_string_lossy());
        tools.run("initdb", &["-E", "UTF8", "--locale=C", "-A", "trust", "-U", "postgres", "-D", &data], &folder)?;
        let sockets = scratch.sockets().to_path_buf();
        let settings = format!("{SETTINGS}unix_socket_directories = '{}'\n", sockets.display());
        std::fs::write(format!("{data}/postgresql.auto.conf"), settings).map_err(|error| error.to_string())?;
        tools.run("pg_ctl", &["start", "-w", "-t", "60", "-D", &data, "-l", &log], &folder)?;
        let pid = std::fs::read_to_string(format!("{data}/postmaster.pid")).map_err(|error| error.to_string())?;
        let postmaster = pid.lines().next().and_then(|line| line.trim().parse().ok()).ok_or("no server's number")?;
        let mut cluster = Cluster { sockets, postmaster, version: String::new() };
        let mut db = cluster.connect("postgres").await;
        cluster.version = sqlx::query_scalar("SHOW server_version").fetch_one(&mut db).await.map_err(text)?;
        Ok(cluster)
    }

    pub(crate) fn url(&self, database: &str) -> String {
        format!("postgres://postgres@localhost/{database}?host={}", self.sockets.display())
    }

    pub(crate) async fn connect(&self, database: &str) -> PgConnection {
        PgConnection::connect(&self.url(database)).await.expect("its own server")
    }

    /// An empty database of this name, in place of the one that had it. What the server still owed for others is
    /// written before, so that nobody pays for it.
    pub(crate) async fn fresh(&self, database: &str) -> String {
        self.drop(database).await;
        self.execute(&format!("CREATE DATABASE {database}")).await;
        self.execute("CHECKPOINT").await;
        self.url(database)
    }

    pub(crate) async fn drop(&self, database: &str) {
        self.execute(&format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)")).await;
    }

    async fn execute(&self, sql: &str) {
        let mut db = self.connect("postgres").await;
        sqlx::query(AssertSqlSafe(sql)).execute(&mut db).await.expect("its own server does what it is told");
        // Whatever it says, the server notices that we are gone.
        let _ = db.close().await;
    }

    /// CPU time of the server's processes.
    pub(crate) fn cpu(&self) -> Duration {
        meter::cpu_of_family(self.postmaster)
    }

    /// How often the server waited for its log to be on disk, as it counts itself. Each of its processes tells of
    /// that when it ends, so those who worked must have gone.
    pub(crate) async fn syncs(&self) -> Option<u64> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let mut db = self.connect("postgres").await;
        let counted = match sqlx::query("SELECT wal_sync::int8 FROM pg_stat_wal").fetch_one(&mut db).await {
            Ok(row) => row.try_get::<i64, _>(0).ok(),
            // From version 18 it is counted elsewhere.
            Err(_) => sqlx::query_scalar("SELECT sum(fsyncs)::int8 FROM pg_stat_io WHERE object = 'wal'")
                .fetch_one(&mut db)
                .await
                .ok(),
        };
        counted.and_then(|count| u64::try_from(count).ok())
    }
}

/// How often the server waited for the disk until now.
pub(crate) async fn syncs(cluster: Option<&Cluster>) -> Option<u64> {
    match cluster {
        Some(cluster) => cluster.syncs().await,
        None => None,
    }
}

/// How often it has since; nothing is known of a peer that has no server.
pub(crate) async fn syncs_since(cluster: Option<&Cluster>, before: Option<u64>) -> Option<u64> {
    Some(syncs(cluster).await? - before?)
}

/// Where PostgreSQL's programs are, and as whom they run.
struct Tools {
    folder: PathBuf,
    /// Another user than this one: PostgreSQL refuses to run as root.
    user: Option<(u32, u32)>,
}

impl Tools {
    fn find() -> Result<Self, String> {
        let mut folders: Vec<PathBuf> = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path().join("bin"))
            .collect();
        folders.sort();
        folders.extend(std::env::var_os("PATH").iter().flat_map(std::env::split_paths));
        if let Ok(output) = Command::new("pg_config").arg("--bindir").stderr(Stdio::null()).output() {
            folders.insert(0, String::from_utf8_lossy(&output.stdout).trim().into());
        }
        let found =
            folders.into_iter().find(|folder| folder.join("initdb").is_file() && folder.join("pg_ctl").is_file());
        let folder =
            found.ok_or("expected PostgreSQL (initdb, pg_ctl), found none; on Debian: apt-get install postgresql")?;
        let user = match number(&["-u"]) {
            Some(0) => {
                let postgres = number(&["-u", "postgres"]).zip(number(&["-g", "postgres"]));
                Some(
                    postgres
                        .ok_or("expected a user `postgres`, as whom the server runs when this is root, found none")?,
                )
            }
            _ => None,
        };
        Ok(Tools { folder, user })
    }

    fn run(&self, tool: &str, arguments: &[&str], at: &Path) -> Result<(), String> {
        let mut command = Command::new(self.folder.join(tool));
        command.args(arguments).current_dir(at).stdin(Stdio::null()).stdout(Stdio::null()).env("LC_ALL", "C");
        // Nothing that is meant for another server reaches this one.
        command.env_remove("PGOPTIONS").env_remove("PGHOST").env_remove("PGPORT").env_remove("PGDATA");
        if let Some((user, group)) = self.user {
            command.uid(user).gid(group);
        }
        let status = command.status().map_err(|error| format!("{tool}: {error}"))?;
        let log = || std::fs::read_to_string(at.join("log")).unwrap_or_default();
        if status.success() { Ok(()) } else { Err(format!("{tool}: {status} {}", log())) }
    }
}

fn number(arguments: &[&str]) -> Option<u32> {
    let output = Command::new("id").args(arguments).stderr(Stdio::null()).output().ok()?;
    String::from_utf8_lossy(&output.stdout).trim().parse().ok()
}

fn text(error: sqlx::Error) -> String {
    error.to_string()
}
