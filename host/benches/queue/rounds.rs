//! The order of things: in each round every way has its turn, on an empty database of its own.

use std::time::{Duration, Instant};

use ampule::Runner;

use crate::cluster::{self, Cluster};
use crate::options::{Jobs, Options};
use crate::peers::{Peer, Peers};
use crate::report::{APALIS, BARE, GRAPHILE_DEFAULT, GRAPHILE_FAST, OURS, OURS_MILLION, Report, Sample, What};
use crate::scratch::Scratch;
use crate::step::{Mode, Step};
use crate::{bare, disk, finished, meter, ours};

struct Bench<'b> {
    options: &'b Options,
    scratch: &'b Scratch,
    cluster: Option<Cluster>,
    peers: Peers,
    runner: Runner,
    report: Report,
}

pub(crate) async fn run(options: &Options) {
    let begun = Instant::now();
    let scratch = Scratch::new();
    let cluster = if options.backend("postgres") {
        let started = Cluster::start(&scratch).await;
        started.map_err(|why| println!("PostgreSQL is left out: {why}")).ok()
    } else {
        None
    };
    let report = Report::default();
    let mut bench = Bench { options, scratch: &scratch, cluster, peers: Peers::find(), runner: ours::runner(), report };
    bench.introduce();
    let millions = bench.fill().await;
    for round in 1..=options.rounds {
        let fsync = disk::fsync(scratch.path(), options.sizes.fsyncs);
        println!(
            "round {round} of {}: an fsync of 4 KiB takes {:.2} ms (p10 {:.2}, p90 {:.2}); {}",
            options.rounds,
            fsync.median.as_secs_f64() * 1e3,
            fsync.tenth.as_secs_f64() * 1e3,
            fsync.ninetieth.as_secs_f64() * 1e3,
            machine()
        );
        bench.report.fsync(fsync.median);
        if options.backend("sqlite") {
            bench.sqlite(millions).await;
        }
        if bench.cluster.is_some() {
            bench.postgres(millions).await;
        }
    }
    bench.report.print();
    println!("\n{:.0} s; {}", begun.elapsed().as_secs_f64(), machine());
    bench.runner.shutdown(Duration::from_secs(1)).await;
}

/// Who else works here.
fn machine() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").expect("Linux");
    let load = load.split(' ').next().unwrap_or_default();
    let compilers = meter::compilers();
    let noise =
        if compilers > 0 { format!(", and {compilers} compilers run beside this: it is noisy") } else { String::new() };
    format!("load {load}{noise}")
}

impl Bench<'_> {
    fn introduce(&self) {
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        println!("{processors} processors; {} jobs at once; SQLite with synchronous FULL", ours::SLOTS);
        if let Some(cluster) = &self.cluster {
            println!("PostgreSQL {}: {}", cluster.version, cluster::SETTINGS_IN_WORDS);
        }
        for (name, why) in self.peers.missing() {
            println!("{name} is left out: {why}");
        }
    }

    /// Makes the databases that hold finished jobs, if they are asked for.
    async fn fill(&mut self) -> bool {
        if !self.options.measure("million") {
            return false;
        }
        let rows = self.options.sizes.finished_rows;
        let begun = Instant::now();
        let limit = self.options.limit;
        if self.options.backend("sqlite") {
            let url = self.scratch.sqlite("million");
            ours::run(&self.runner, Mode::Backlog, Step { url: &url, count: 1_000, limit, cluster: None }).await;
            finished::sqlite(&url, rows).expect("room on the disk");
        }
        if let Some(cluster) = &self.cluster {
            let url = cluster.fresh("million").await;
            ours::run(&self.runner, Mode::Backlog, Step { url: &url, count: 1_000, limit, cluster: None }).await;
            finished::postgres(&url, rows).await.expect("room on the disk");
        }
        println!("{rows} finished rows were made in {:.0} s", begun.elapsed().as_secs_f64());
        true
    }

    async fn sqlite(&mut self, millions: bool) {
        let (sizes, limit) = (&self.options.sizes, self.options.limit);
        for mode in [Mode::Producers, Mode::Backlog].into_iter().filter(|mode| self.options.measure(mode.name())) {
            let what = What { backend: "SQLite", mode };
            let count = of(sizes.sqlite, mode);
            if mode == Mode::Backlog {
                self.report.add(what, BARE, bare::run(&self.scratch.sqlite("bare"), count));
            }
            let url = self.scratch.sqlite("ours");
            let step = Step { url: &url, count, limit, cluster: None };
            self.report.add(what, OURS, ours::run(&self.runner, mode, step).await);
            if millions {
                let url = format!("sqlite:{}", self.scratch.path().join("million.db").display());
                let sample = ours::run(&self.runner, mode, Step { url: &url, ..step }).await;
                self.report.add(what, OURS_MILLION, sample);
            }
            let url = self.scratch.sqlite("apalis");
            let count = of(sizes.apalis_on_sqlite, mode);
            self.peer(what, Peer::Apalis, Step { url: &url, count, limit: self.options.peer_limit, ..step }).await;
        }
        if self.options.measure("latency") {
            let url = self.scratch.sqlite("ours");
            let step = Step { url: &url, count: sizes.latency, limit, cluster: None };
            let waits = ours::latency(&self.runner, step).await;
            self.report.add_waits("SQLite", OURS, waits);
        }
    }

    async fn postgres(&mut self, millions: bool) {
        for mode in Mode::ALL.into_iter().filter(|mode| self.options.measure(mode.name())) {
            let what = What { backend: "PostgreSQL", mode };
            self.ours_on_postgres(what, OURS).await;
            if millions && mode != Mode::Groups {
                self.ours_on_postgres(what, OURS_MILLION).await;
            }
            let sizes = &self.options.sizes;
            let (all, few) = (of(sizes.postgres, mode), of(sizes.graphile_default, mode));
            let peers = [(Peer::GraphileFast, all), (Peer::GraphileDefault, few), (Peer::Apalis, all / 2)];
            for (peer, count) in peers {
                // By default nothing is grouped.
                if mode != Mode::Groups || peer != Peer::GraphileDefault {
                    self.peer_on_postgres(what, peer, count).await;
                }
            }
        }
        if self.options.measure("latency") {
            self.latency_on_postgres().await;
        }
    }

    async fn ours_on_postgres(&mut self, what: What, way: &'static str) {
        let Some(cluster) = &self.cluster else { return };
        let url = if way == OURS { cluster.fresh("ours").await } else { cluster.url("million") };
        let count = of(self.options.sizes.postgres, what.mode);
        let step = Step { url: &url, count, limit: self.options.limit, cluster: Some(cluster) };
        let mut sample = ours::run(&self.runner, what.mode, step).await;
        forget_backlog(what, &mut sample);
        self.report.add(what, way, sample);
    }

    async fn peer_on_postgres(&mut self, what: What, peer: Peer, count: u64) {
        let Some(cluster) = self.cluster.take() else { return };
        let url = cluster.fresh("peer").await;
        let limit = self.options.peer_limit;
        self.peer(what, peer, Step { url: &url, count, limit, cluster: Some(&cluster) }).await;
        self.cluster = Some(cluster);
    }

    async fn peer(&mut self, what: What, peer: Peer, step: Step<'_>) {
        if !self.peers.has(peer) {
            return;
        }
        match self.peers.run(peer, what.mode, step).await {
            Ok(mut sample) => {
                forget_backlog(what, &mut sample);
                self.report.add(what, name(peer), sample);
            }
            Err(why) => println!("{}: {} is left out of this round: {why}", what.backend, name(peer)),
        }
    }

    async fn latency_on_postgres(&mut self) {
        let Some(cluster) = &self.cluster else { return };
        let (count, limit) = (self.options.sizes.latency, self.options.limit);
        let url = cluster.fresh("ours").await;
        let step = Step { url: &url, count, limit, cluster: None };
        self.report.add_waits("PostgreSQL", OURS, ours::latency(&self.runner, step).await);
        for peer in [Peer::GraphileFast, Peer::Apalis].into_iter().filter(|peer| self.peers.has(*peer)) {
            let url = cluster.fresh("peer").await;
            match self.peers.latency(peer, Step { url: &url, ..step }).await {
                Ok(waits) => self.report.add_waits("PostgreSQL", name(peer), waits),
                Err(why) => println!("PostgreSQL: {} is left out of this round: {why}", name(peer)),
            }
        }
    }
}

/// What a server's processes tell of their waits for the disk comes late, so those of the storing of a backlog cannot be
/// told from those of its draining.
fn forget_backlog(what: What, sample: &mut Sample) {
    if what.backend == "PostgreSQL" && what.mode == Mode::Backlog {
        sample.syncs = None;
    }
}

fn of(jobs: Jobs, mode: Mode) -> u64 {
    match mode {
        Mode::Producers => jobs.producers,
        Mode::Groups => jobs.groups,
        Mode::Backlog => jobs.backlog,
    }
}

fn name(peer: Peer) -> &'static str {
    match peer {
        Peer::GraphileFast => GRAPHILE_FAST,
        Peer::GraphileDefault => GRAPHILE_DEFAULT,
        Peer::Apalis => APALIS,
    }
}
