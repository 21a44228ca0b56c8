//! How much is measured.

use std::time::Duration;

/// What is measured, and how much of it.
pub(crate) struct Options {
    pub(crate) rounds: usize,
    pub(crate) sizes: Sizes,
    /// How long one step may take.
    pub(crate) limit: Duration,
    /// How long one step of a peer may take that does less in the same time, or stands still now and then.
    pub(crate) peer_limit: Duration,
    chosen: Vec<String>,
    pub(crate) full: bool,
}

/// Jobs of one step.
pub(crate) struct Sizes {
    pub(crate) fsyncs: usize,
    pub(crate) sqlite: Jobs,
    pub(crate) postgres: Jobs,
    /// Of the peers that are far slower: enough for a second or two.
    pub(crate) graphile_default: Jobs,
    pub(crate) apalis_on_sqlite: Jobs,
    pub(crate) latency: u64,
    pub(crate) finished_rows: u64,
}

/// Jobs of one step, by what the step does.
#[derive(Clone, Copy)]
pub(crate) struct Jobs {
    pub(crate) producers: u64,
    pub(crate) groups: u64,
    pub(crate) backlog: u64,
}

const QUICK: Sizes = Sizes {
    fsyncs: 300,
    sqlite: Jobs { producers: 10_000, groups: 0, backlog: 20_000 },
    postgres: Jobs { producers: 4_000, groups: 8_000, backlog: 20_000 },
    graphile_default: Jobs { producers: 800, groups: 0, backlog: 1_000 },
    apalis_on_sqlite: Jobs { producers: 160, groups: 0, backlog: 1_500 },
    latency: 60,
    finished_rows: 1_000_000,
};

const FULL: Sizes = Sizes {
    fsyncs: 1_000,
    sqlite: Jobs { producers: 40_000, groups: 0, backlog: 50_000 },
    postgres: Jobs { producers: 16_000, groups: 30_000, backlog: 50_000 },
    graphile_default: Jobs { producers: 1_600, groups: 0, backlog: 2_000 },
    apalis_on_sqlite: Jobs { producers: 320, groups: 0, backlog: 3_000 },
    latency: 300,
    finished_rows: 1_000_000,
};

impl Options {
    /// Reads the arguments of the program. Those that cargo adds begin with a dash.
    pub(crate) fn read() -> Self {
        let (mut full, mut rounds, mut chosen) = (false, None, Vec::new());
        for argument in std::env::args().skip(1).filter(|argument| !argument.starts_with('-')) {
            match (argument.as_str(), argument.strip_prefix("rounds=")) {
                ("quick", _) => {}
                ("full", _) => full = true,
                (_, Some(number)) => rounds = Some(number.parse().expect("`rounds=` and a number")),
                _ => chosen.push(argument),
            }
        }
        Options {
            rounds: rounds.unwrap_or(if full { 7 } else { 3 }),
            sizes: if full { FULL } else { QUICK },
            limit: Duration::from_secs(if full { 60 } else { 20 }),
            peer_limit: Duration::from_secs(if full { 40 } else { 10 }),
            chosen,
            full,
        }
    }

    /// Whether this backend is measured.
    pub(crate) fn backend(&self, name: &str) -> bool {
        let backends = ["sqlite", "postgres"];
        self.is_chosen(name) || !self.chosen.iter().any(|chosen| backends.contains(&chosen.as_str()))
    }

    /// Whether this is measured of the backends. A million rows are for a full round, unless they are asked for.
    pub(crate) fn measure(&self, name: &str) -> bool {
        let measures = ["producers", "groups", "backlog", "latency", "million"];
        let any = self.chosen.iter().any(|chosen| measures.contains(&chosen.as_str()));
        self.is_chosen(name) || (!any && (name != "million" || self.full))
    }

    fn is_chosen(&self, name: &str) -> bool {
        self.chosen.iter().any(|chosen| chosen == name)
    }
}
