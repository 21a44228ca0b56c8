//! What a source cannot reach, what it can be granted, and that no run feels another.

use ampule::{Fuel, Grants, Job, Outcome};
use ampule_tests::snippet::{Snippet, check, speaking};
use ampule_tests::{run, value};
use serde_json::json;

use super::{python, run_source};

#[tokio::test]
async fn nothing_is_in_reach() {
    let r = Snippet::raises;
    let s = Snippet::returns;
    check(
        &python(),
        "python",
        &[
            r("a file", "open('/etc/passwd')", "FileNotFoundError", "/etc/passwd"),
            r("a new file", "open('x', 'w')", "FileNotFoundError", "x"),
            r("a directory", "import os; os.listdir('/')", "FileNotFoundError", "/"),
            r(
                "a place for temporary files",
                "import tempfile; tempfile.mkstemp()",
                "FileNotFoundError",
                "No usable temporary directory",
            ),
            r("a socket", "import socket; socket.socket()", "PermissionError", ""),
            r(
                "a name on the network",
                "import socket; socket.create_connection(('localhost', 80))",
                "socket.gaierror",
                "",
            ),
            r(
                "a page",
                "import urllib.request; urllib.request.urlopen('http://127.0.0.1/')",
                "urllib.error.URLError",
                "",
            ),
            r("a process", "import subprocess; subprocess.run(['ls'])", "OSError", "does not support processes"),
            r("a fork", "import os; os.fork()", "AttributeError", "fork"),
            r("a shell", "import os; os.system('ls')", "AttributeError", "system"),
            r(
                "a thread",
                "import threading; threading.Thread(target=print).start()",
                "RuntimeError",
                "can't start new thread",
            ),
            r(
                "a pool of threads",
                "import concurrent.futures as f; f.ThreadPoolExecutor().submit(print)",
                "RuntimeError",
                "can't start new thread",
            ),
            s("the environment", "import os\n_return(dict(os.environ), os.getcwd())", json!([{}, "/"])),
            s(
                "a lock works all the same",
                "import threading\nwith threading.Lock(): _return(threading.active_count())",
                json!(1),
            ),
        ],
    )
    .await;
}

#[tokio::test]
async fn what_is_granted_is_there() {
    let directory = tempfile::tempdir().expect("a directory");
    std::fs::write(directory.path().join("x.txt"), "hello").expect("written");
    std::fs::write(directory.path().join("values.py"), "ANSWER = 42").expect("written");
    let read = "
import os, pathlib, sys
sys.path.append('/data')
import values
_return(open('/data/x.txt').read(), sorted(os.listdir('/data')), pathlib.Path('/data/x.txt').stat().st_size)
_return(values.ANSWER, os.environ['GREETING'], os.getenv('HOME'), sys.argv)
open('/data/new', 'w')";
    let grants = Grants::none().directory(directory.path(), "/data").env("GREETING", "hi").arg("first");
    let outcome = run_source(read, |job| job.grants(grants)).await;
    let expected = [
        json!("hello"),
        json!(["values.py", "x.txt"]),
        json!(5),
        json!(42),
        json!("hi"),
        json!(null),
        json!(["job", "first"]),
    ];
    assert_eq!(outcome.returns, expected);
    assert_eq!(ampule_tests::failure(outcome).error_type.as_deref(), Some("PermissionError"));

    let write = "
import os, pathlib, shutil, tempfile
pathlib.Path('/data/new').write_text('é')
shutil.copy('/data/new', '/data/copy')
os.remove('/data/new')
os.mkdir('/data/in')
with tempfile.NamedTemporaryFile(dir='/data/in') as file: file.write(b'x')
_return(os.path.getsize('/data/copy'), os.listdir('/data/in'))";
    let grants = Grants::none().writable_directory(directory.path(), "/data");
    assert_eq!(value(run_source(write, |job| job.grants(grants)).await), json!([2, []]));
    assert_eq!(std::fs::read(directory.path().join("copy")).expect("it was written"), "é".as_bytes());
}

#[tokio::test]
async fn a_run_leaves_nothing_for_the_next_in_its_place() {
    let runner = speaking("python").pool_size(1).build().expect("a runner");
    let spoil = "
import builtins, json, logging, os, random, sys
builtins.len = lambda x: -1
json.loads = json.dumps = None
sys.modules['math'] = None
os.environ['LEFT'] = 'behind'
left = 'behind'
random.seed(1)
logging.disable()
sys.setrecursionlimit(50)
del builtins.print
_return(1)";
    let look = "
import json, logging, math, os, sys
_return(len([1]), json.loads('[]'), 'left' in globals(), 'LEFT' in os.environ, logging.root.manager.disable)
_return(sys.getrecursionlimit())
print(end='')";
    let job = |source: &str| Job::source("python", source);
    let before = run(&runner, job(look)).await;
    assert_eq!(value(run(&runner, job(spoil)).await), 1);
    let after = run(&runner, job(look)).await;
    assert_eq!(value(before), json!([1, [], false, false, 0, 1000]));
    assert_eq!(value(after), json!([1, [], false, false, 0, 1000]));
}

/// Everything that draws on chance or on a clock.
const CHANCES: &str = "
import asyncio, os, random, secrets, tempfile, time, uuid
_return(random.random(), random.Random().random(), secrets.token_hex(8), os.urandom(4).hex())
_return(str(uuid.uuid4()), str(uuid.uuid1()), next(tempfile._get_candidate_names()))
_return(time.time(), time.monotonic(), time.perf_counter(), hash('a'), list({'a', 'b', 'c'}))
time.sleep(3600)
asyncio.run(asyncio.sleep(60))
_return(time.time(), time.monotonic(), random.sample(range(1000), 3))";

async fn chances(seed: u64) -> Outcome {
    run_source(CHANCES, |job| job.grants(Grants::none().deterministic(seed))).await
}

#[tokio::test]
async fn the_same_seed_repeats_values_and_fuel() {
    let (first, second, other) = (chances(7).await, chances(7).await, chances(8).await);
    assert!(matches!(first.usage.fuel, Some(Fuel::Exact(_))));
    assert_eq!(first.usage.fuel, second.usage.fuel);
    assert_eq!(first.returns, second.returns);
    for drawn in 0..6 {
        assert_ne!(first.returns[drawn], other.returns[drawn], "the value number {drawn} depends on the seed");
    }
    let slept = first.returns[12].as_f64().expect("a time") - first.returns[7].as_f64().expect("a time");
    assert!((3660.0..3661.0).contains(&slept), "an hour and a minute, of the run's own clock: {slept}");
}

#[tokio::test]
async fn without_a_seed_every_run_draws_anew() {
    let source = "\
import random, tempfile, uuid
_return(random.random(), str(uuid.uuid4()), uuid.getnode(), next(tempfile._get_candidate_names()))";
    let (first, second) = (run_source(source, |job| job).await, run_source(source, |job| job).await);
    for (one, two) in first.returns.iter().zip(&second.returns) {
        assert_ne!(one, two);
    }
    assert_eq!(first.returns.len(), 4);
}
