//! What is printed: medians of rounds, and the ratios that are aimed at.

use std::time::Duration;

use crate::load::Answered;

#[derive(Default)]
pub(crate) struct Report {
    ways: Vec<(&'static str, Vec<Sample>)>,
}

struct Sample {
    per_second: f64,
    cpu_us: f64,
    p50_us: f64,
    p99_us: f64,
}

impl Report {
    pub(crate) fn add(&mut self, way: &'static str, answered: Answered, cpu: Duration) {
        let requests = answered.requests.max(1) as f64;
        let sample = Sample {
            per_second: answered.requests as f64 / answered.seconds,
            cpu_us: cpu.as_secs_f64() * 1e6 / requests,
            p50_us: answered.p50_us as f64,
            p99_us: answered.p99_us as f64,
        };
        match self.ways.iter_mut().find(|(name, _)| *name == way) {
            Some((_, samples)) => samples.push(sample),
            None => self.ways.push((way, vec![sample])),
        }
    }

    pub(crate) fn print(&self, connections: u32) {
        println!(
            "\n{connections} connections, medians of {} rounds",
            self.ways.first().map_or(0, |(_, all)| all.len())
        );
        println!("{:<34} {:>10} {:>9} {:>9} {:>9} {:>8}", "", "requests/s", "CPU us", "p50 us", "p99 us", "to echo");
        let echo = self.ways.first().map_or(1.0, |(_, samples)| median(samples, |sample| sample.per_second));
        for (name, samples) in &self.ways {
            let per_second = median(samples, |sample| sample.per_second);
            println!(
                "{name:<34} {per_second:>10.0} {:>9.1} {:>9.0} {:>9.0} {:>8.2}",
                median(samples, |sample| sample.cpu_us),
                median(samples, |sample| sample.p50_us),
                median(samples, |sample| sample.p99_us),
                per_second / echo,
            );
        }
    }
}

fn median(samples: &[Sample], of: impl Fn(&Sample) -> f64) -> f64 {
    let mut values: Vec<f64> = samples.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}
