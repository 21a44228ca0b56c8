use std::sync::Arc; use tokio::sync::Semaphore; use ampule::*;
const TINY: &str = r#"(module
    (import "ampule" "_return" (func $return (param i32 i32)))
    (import "ampule" "kwargs_len" (func $kwargs_len (result i32)))
    (import "ampule" "kwargs_read" (func $kwargs_read (param i32)))
    (memory (export "memory") 1)
    (data (i32.const 1024) "813")
    (func (export "run")
        (call $kwargs_read (i32.const 0))
        (if (i32.ne (call $kwargs_len) (i32.const 13)) (then unreachable))
        (call $return (i32.const 1024) (i32.const 1))
        (call $return (i32.const 1025) (i32.const 2))))"#;
fn main(){
  let silent = std::env::args().nth(1).as_deref()==Some("silent");
  let rt = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
  let runner = Runner::builder().guest_threads(1).build().unwrap();
  rt.block_on(async {
    let program = runner.load_wat(TINY).await.unwrap();
    let t=std::time::Instant::now(); let c=cpu();
    for _ in 0..400 {
      if silent {
        let mut hs=Vec::new();
        for _ in 0..250 { hs.push(runner.run_async(Job::new(&program).kwarg("testvar",3).unwrap()).unwrap()); }
        let last = hs.pop().unwrap(); for h in hs { h.detach() } last.await;
      } else {
        let done = Arc::new(Semaphore::new(0));
        for _ in 0..250 { let done=done.clone(); runner.run_async(Job::new(&program).kwarg("testvar",3).unwrap().at_return(move |_,_| {done.add_permits(1); Ok::<(),BoxError>(())})).unwrap().detach(); }
        let _ = done.acquire_many(250).await;
      }
    }
    println!("{:?} cpu/run {:.2} us", t.elapsed()/100_000, (cpu()-c)*1e6/100_000.0);
  });
}
fn cpu()->f64{ let t=rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime); t.tv_sec as f64+t.tv_nsec as f64/1e9 }
