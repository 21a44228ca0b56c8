//! PostgreSQL that is stopped and started again, and that cuts every connection, while producers and workers are busy.

use std::process::Command;

use ampule_tests::history::Rules;
use ampule_tests::journal::Note;
use ampule_tests::part::{Part, Producing};
use ampule_tests::postgres::{Cluster, Stop};

use super::scene::{Home, Played, Scene, until};

/// How often PostgreSQL is stopped.
const RESTARTS: usize = 3;

/// How often every connection is cut.
const CUTS: usize = 12;

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_is_stopped_at_once_and_started_and_workers_go_on_and_nothing_is_lost() {
    while_busy(async |scene, workers| {
        for _ in 0..RESTARTS {
            progress(scene).await;
            let Home::Cluster(cluster) = &scene.home else { unreachable!("it lives in a cluster") };
            cluster.stop(Stop::Immediate);
            scene.journal.note(Note::Remark("stopped".to_owned()));
            cluster.start();
            workers.iter_mut().for_each(Played::expect_alive);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_connection_to_postgresql_is_cut_again_and_again_and_nothing_is_lost() {
    while_busy(async |scene, workers| {
        for _ in 0..CUTS {
            progress(scene).await;
            cut_all(&scene.home.url());
            scene.journal.note(Note::Remark("cut".to_owned()));
            workers.iter_mut().for_each(Played::expect_alive);
        }
    })
    .await;
}

/// Two producers, two workers, and something that happens to them.
async fn while_busy(happens: impl AsyncFnOnce(&Scene, &mut [Played])) {
    let scene = Scene::set(Home::Cluster(Cluster::own(&[]))).await;
    let part = scene.part();
    let mut workers: Vec<_> = (0..2).map(|_| Played::work(&part)).collect();
    let producer = |number: u64| {
        let part = Part { seed: part.seed + number, first: number * 1_000_000, ..part.clone() };
        Producing::start(part, scene.queue.clone(), scene.journal.clone())
    };
    let producers = [producer(1), producer(2)];
    happens(&scene, &mut workers).await;
    progress(&scene).await;
    for producer in producers {
        producer.stop().await;
    }
    scene.expect_sound(Rules::default()).await;
    for worker in workers {
        worker.end().await;
    }
}

/// Waits until more was acknowledged, and more was ended.
async fn progress(scene: &Scene) {
    let count = || {
        let entries = scene.journal.read();
        let of = |is: &dyn Fn(&Note) -> bool| entries.iter().filter(|entry| is(&entry.note)).count();
        (of(&|note| matches!(note, Note::Acknowledged(_))), of(&|note| matches!(note, Note::Settled { .. })))
    };
    let (acknowledged, settled) = count();
    let more = async || {
        let now = count();
        now.0 >= acknowledged + 5 && now.1 >= settled + 10
    };
    until("jobs are taken in and ended", more).await;
}

fn cut_all(url: &str) {
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() \
               AND backend_type = 'client backend'";
    let told =
        Command::new("psql").args([url, "--quiet", "--no-psqlrc", "--output=/dev/null", "--command", cut]).output();
    let told = told.expect("psql is installed beside PostgreSQL");
    assert!(told.status.success(), "{}", String::from_utf8_lossy(&told.stderr));
}
