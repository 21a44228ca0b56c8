//! How things are at the moment of a scrape: the runner's slots, the queue's depth, who waits and who streams.

use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use tokio::sync::Mutex;

use super::super::App;

/// How old what is told of the queue may be: however often somebody scrapes, it is asked no more than this.
const QUEUE_AGE: Duration = Duration::from_secs(1);

/// Queues of which the depth is told.
const MOST_QUEUES: usize = 200;

pub(super) struct State {
    slots: Family<Slots, Gauge>,
    depth: Family<Depth, Gauge>,
    oldest_due: Family<Queue, Gauge<f64, AtomicU64>>,
    queue_up: Gauge,
    streams: Gauge,
    waits: Gauge,
    programs_compiled: Gauge,
    compile_seconds: Gauge<f64, AtomicU64>,
    /// When the queue was last asked. One scrape at a time.
    asked: Mutex<Option<Instant>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Slots {
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Depth {
    queue: String,
    state: &'static str,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Queue {
    queue: String,
}

impl State {
    pub(super) fn new(registry: &mut Registry) -> Self {
        let state = State {
            slots: Family::default(),
            depth: Family::default(),
            oldest_due: Family::default(),
            queue_up: Gauge::default(),
            streams: Gauge::default(),
            waits: Gauge::default(),
            programs_compiled: Gauge::default(),
            compile_seconds: Gauge::default(),
            asked: Mutex::default(),
        };
        registry.register(
            "runner_slots",
            "Slots that are used and free, and runs that wait for one",
            state.slots.clone(),
        );
        registry.register(
            "queue_jobs",
            "Jobs in the queue: queued (due and held ones too), due, held, running",
            state.depth.clone(),
        );
        let help = "For how long the oldest due job has been due";
        registry.register_with_unit("queue_oldest_due", help, Unit::Seconds, state.oldest_due.clone());
        registry.register("queue_up", "Whether the queue answers", state.queue_up.clone());
        registry.register("http_streams", "Streams of events that are open", state.streams.clone());
        registry.register("http_waits", "Requests that wait for a job to end", state.waits.clone());
        registry.register("programs_compiled", "Programs that were compiled here", state.programs_compiled.clone());
        let help = "How long that took, together";
        registry.register_with_unit("programs_compile", help, Unit::Seconds, state.compile_seconds.clone());
        state
    }

    /// Looks at all of it.
    pub(super) async fn look(&self, app: &App) {
        let load = app.runner.load_now();
        for (state, count) in [("used", load.taken_slots), ("free", load.free_slots), ("waiting", load.waiting)] {
            self.slots.get_or_create(&Slots { state }).set(gauge(count));
        }
        let compiled = app.runner.compiled();
        self.programs_compiled.set(i64::try_from(compiled.programs).unwrap_or(i64::MAX));
        self.compile_seconds.set(compiled.took.as_secs_f64());
        self.streams.set(gauge(app.streams.open()));
        self.waits.set(gauge(app.waits.open()));
        let mut asked = self.asked.lock().await;
        if asked.is_none_or(|asked| asked.elapsed() >= QUEUE_AGE) {
            self.ask(app).await;
            *asked = Some(Instant::now());
        }
    }

    async fn ask(&self, app: &App) {
        let answered = tokio::time::timeout(app.settings.queue_timeout, async {
            Ok::<_, crate::queue::Error>((app.queue.queues(None).await?, app.queue.clock().await?))
        });
        self.depth.clear();
        self.oldest_due.clear();
        let Ok(Ok((queues, now))) = answered.await else {
            self.queue_up.set(0);
            return;
        };
        self.queue_up.set(1);
        for info in queues.iter().take(MOST_QUEUES) {
            for (state, count) in
                [("queued", info.queued), ("due", info.due), ("held", info.held), ("running", info.running)]
            {
                let labels = Depth { queue: info.name.clone(), state };
                self.depth.get_or_create(&labels).set(i64::try_from(count).unwrap_or(i64::MAX));
            }
            let due_for = info.oldest_due.map_or(0, |due| (now - due).num_milliseconds().max(0));
            self.oldest_due.get_or_create(&Queue { queue: info.name.clone() }).set(due_for as f64 / 1_000.0);
        }
    }
}

fn gauge(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
