//! What is printed: medians of rounds, and whether the aims are met.

use std::time::Duration;

use crate::step::Mode;

/// The median of a disk's `fdatasync` for which the first aim is set.
const AIM_FSYNC: Duration = Duration::from_micros(200);

/// One step of one way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    pub(crate) asked: u64,
    /// As the database says.
    pub(crate) done: u64,
    pub(crate) seconds: f64,
    pub(crate) client_cpu: Duration,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) syncs: Option<u64>,
}

impl Sample {
    pub(crate) fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds
    }

    fn cpu_us(&self, cpu: Duration) -> f64 {
        cpu.as_secs_f64() * 1e6 / self.done.max(1) as f64
    }
}

/// What is compared: one table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct What {
    pub(crate) backend: &'static str,
    pub(crate) mode: Mode,
}

#[derive(Default)]
pub(crate) struct Report {
    throughputs: Vec<(What, &'static str, Vec<Sample>)>,
    latencies: Vec<(&'static str, &'static str, Vec<f64>)>,
    fsyncs: Vec<Duration>,
}

pub(crate) const OURS: &str = "Ampule, a wasm run each";
pub(crate) const OURS_MILLION: &str = "Ampule, a million finished";
pub(crate) const BARE: &str = "a bare loop, batches of 100";
pub(crate) const GRAPHILE_FAST: &str = "graphile-worker, batched";
pub(crate) const GRAPHILE_DEFAULT: &str = "graphile-worker, default";
pub(crate) const APALIS: &str = "apalis";

impl Report {
    pub(crate) fn fsync(&mut self, median: Duration) {
        self.fsyncs.push(median);
    }

    pub(crate) fn add(&mut self, what: What, way: &'static str, sample: Sample) {
        match self.throughputs.iter_mut().find(|(its, name, _)| *its == what && *name == way) {
            Some((.., samples)) => samples.push(sample),
            None => self.throughputs.push((what, way, vec![sample])),
        }
    }

    /// Waits of several rounds are one sample of what a caller meets.
    pub(crate) fn add_waits(&mut self, backend: &'static str, way: &'static str, waits: Vec<f64>) {
        match self.latencies.iter_mut().find(|(its, name, _)| *its == backend && *name == way) {
            Some((.., all)) => all.extend(waits),
            None => self.latencies.push((backend, way, waits)),
        }
    }

    pub(crate) fn print(&mut self) {
        for backend in ["SQLite", "PostgreSQL"] {
            for mode in Mode::ALL {
                self.print_throughput(What { backend, mode });
            }
        }
        self.print_latencies();
        self.print_aims();
    }

    fn print_throughput(&self, what: What) {
        let ways: Vec<_> = self.throughputs.iter().filter(|(its, ..)| *its == what).collect();
        if ways.is_empty() {
            return;
        }
        println!("\n{}: {}", what.backend, what.mode.in_words());
        let server = if what.backend == "SQLite" { "" } else { "server's" };
        println!(
            "{:<28} {:>9} {:>19} {:>12} {:>9} {:>10}",
            "", "jobs/s", "least to most", "CPU µs/job", server, "jobs/fsync"
        );
        for (_, way, samples) in ways {
            let speeds = sorted(samples.iter().map(Sample::per_second));
            let range = format!("{:.0} to {:.0}", speeds[0], speeds[speeds.len() - 1]);
            // Of a round in which nothing was done nothing can be said of one job.
            let worked = || samples.iter().filter(|sample| sample.done > 0);
            let cpu = shown(worked().map(|sample| sample.cpu_us(sample.client_cpu)), 1);
            let server = shown(worked().filter_map(|sample| Some(sample.cpu_us(sample.server_cpu?))), 1);
            let per_sync =
                shown(worked().filter_map(|sample| Some(sample.done as f64 / sample.syncs?.max(1) as f64)), 1);
            let unfinished: u64 = samples.iter().map(|sample| sample.asked - sample.done).sum();
            let note = if unfinished > 0 { format!("  {unfinished} not done in time") } else { String::new() };
            let speed = middle(&speeds);
            println!("{way:<28} {speed:>9.0} {range:>19} {cpu:>12} {server:>9} {per_sync:>10}{note}");
        }
    }

    fn print_latencies(&mut self) {
        if self.latencies.is_empty() {
            return;
        }
        println!("\nWhen idle, from the commit of a job to its start");
        println!("{:<12} {:<28} {:>9} {:>9} {:>9} {:>6}", "", "", "p50 ms", "p99 ms", "most ms", "jobs");
        for (backend, way, waits) in &mut self.latencies {
            waits.sort_by(f64::total_cmp);
            let Some(most) = waits.last() else {
                println!("{backend:<12} {way:<28} none of its jobs started");
                continue;
            };
            let (half, nearly_all) = (at(waits, 50), at(waits, 99));
            println!("{backend:<12} {way:<28} {half:>9.2} {nearly_all:>9.2} {most:>9.2} {:>6}", waits.len());
        }
    }

    fn print_aims(&self) {
        println!("\nAims");
        let fsync = middle(&sorted(self.fsyncs.iter().map(Duration::as_secs_f64)));
        let sqlite = |mode| What { backend: "SQLite", mode };
        let postgres = |mode| What { backend: "PostgreSQL", mode };
        if let Some(speed) = self.speed(sqlite(Mode::Producers), OURS) {
            let aim = 15_000.0;
            let note = if fsync <= AIM_FSYNC.as_secs_f64() * 1.25 { "" } else { " (for a disk of 0.20 ms)" };
            let text = format!("SQLite, 16 producers: 15,000 jobs/s{note}");
            aim_line(&text, format!("{speed:.0}/s, fsync {:.2} ms", fsync * 1e3), speed >= aim);
        }
        if let Some(cpu) = self.cpu(sqlite(Mode::Producers), OURS) {
            aim_line("SQLite, 16 producers: CPU of a job 60 µs", format!("{cpu:.0} µs"), cpu <= 60.0);
        }
        if let Some(ratio) = self.ratio(sqlite(Mode::Backlog), OURS, BARE) {
            aim_line("SQLite, backlog: 0.3 of a bare loop", format!("{ratio:.2}"), ratio >= 0.3);
        }
        for mode in Mode::ALL {
            if let Some(ratio) = self.ratio(postgres(mode), OURS, GRAPHILE_FAST) {
                let text = format!("PostgreSQL, {}: level with batched graphile-worker", mode.name());
                aim_line(&text, format!("{ratio:.2} of it"), ratio >= 1.0);
            }
        }
        for (backend, way, waits) in self.latencies.iter().filter(|(_, way, _)| *way == OURS) {
            debug_assert_eq!(*way, OURS);
            let half = if waits.is_empty() { f64::INFINITY } else { at(waits, 50) };
            aim_line(&format!("{backend}, idle: p50 of 10 ms"), format!("{half:.2} ms"), half <= 10.0);
        }
        for what in self.throughputs.iter().filter(|(_, way, _)| *way == OURS_MILLION).map(|(what, ..)| *what) {
            if let Some(ratio) = self.ratio(what, OURS_MILLION, OURS) {
                let text = format!("{}, {}: a million finished rows cost 20 %", what.backend, what.mode.name());
                aim_line(&text, format!("{:+.1} %", (ratio - 1.0) * 100.0), ratio >= 0.8);
            }
        }
    }

    fn samples(&self, what: What, way: &str) -> Option<&[Sample]> {
        let found = self.throughputs.iter().find(|(its, name, _)| *its == what && *name == way);
        found.map(|(.., samples)| samples.as_slice())
    }

    fn speed(&self, what: What, way: &str) -> Option<f64> {
        Some(median(self.samples(what, way)?.iter().map(Sample::per_second)))
    }

    fn cpu(&self, what: What, way: &str) -> Option<f64> {
        Some(median(self.samples(what, way)?.iter().map(|sample| sample.cpu_us(sample.client_cpu))))
    }

    /// The median of each round's ratio: rounds differ more than the ways within one.
    fn ratio(&self, what: What, way: &str, to: &str) -> Option<f64> {
        let (ours, theirs) = (self.samples(what, way)?, self.samples(what, to)?);
        Some(median(ours.iter().zip(theirs).map(|(ours, theirs)| ours.per_second() / theirs.per_second())))
    }
}

fn aim_line(aim: &str, measured: String, is_met: bool) {
    println!("{aim:<58} {measured:>24}  {}", if is_met { "met" } else { "missed" });
}

fn shown(figures: impl Iterator<Item = f64>, digits: usize) -> String {
    let figures = sorted(figures);
    if figures.is_empty() { String::new() } else { format!("{:.digits$}", middle(&figures)) }
}

fn median(figures: impl Iterator<Item = f64>) -> f64 {
    middle(&sorted(figures))
}

fn sorted(figures: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut figures: Vec<f64> = figures.collect();
    figures.sort_by(f64::total_cmp);
    figures
}

fn middle(sorted: &[f64]) -> f64 {
    at(sorted, 50)
}

fn at(sorted: &[f64], percent: usize) -> f64 {
    sorted[(sorted.len() - 1) * percent / 100]
}
