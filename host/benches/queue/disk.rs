//! How long the disk takes to keep 4 KiB.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

/// The middle of so many appends of 4 KiB, each with its `fdatasync`, and the tenth and ninetieth of a hundred.
pub(crate) struct Fsync {
    pub(crate) tenth: Duration,
    pub(crate) median: Duration,
    pub(crate) ninetieth: Duration,
}

pub(crate) fn fsync(directory: &Path, samples: usize) -> Fsync {
    let path = directory.join("fsync");
    let mut file = File::create(&path).expect("a directory that can be written to");
    let mut times: Vec<Duration> = (0..samples)
        .map(|_| {
            file.write_all(&[7; 4096]).expect("room on the disk");
            let begun = Instant::now();
            file.sync_data().expect("a disk that keeps what it is given");
            begun.elapsed()
        })
        .collect();
    std::fs::remove_file(&path).expect("its own file");
    times.sort();
    let at = |percent: usize| times[(times.len() - 1) * percent / 100];
    Fsync { tenth: at(10), median: at(50), ninetieth: at(90) }
}
