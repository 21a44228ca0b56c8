// graphile-worker, measured beside Ampule's queue: `node graphile.mjs URL MODE COUNT SETTINGS SECONDS`.
//
// Prepares, prints `{"ready":true}`, waits for a line or the end of its input, does the work of one mode and prints one
// line of JSON. A job counts as done when the database no longer has it: graphile-worker deletes what is done.
// Modes: `setup`; `producers`, sixteen that each wait for their own commit; `groups`, four that add a hundred jobs a
// call; `backlog`, where only the draining is timed; `latency`, from the commit to the start of each job.
// Settings: `fast` is the configuration of graphile-worker's page on performance, with adds that are gathered into calls
// of `addJobs`; `default` is what it does if only told to run eight jobs at once.

import { createInterface } from "node:readline";
import { Logger, makeWorkerUtils, run } from "graphile-worker";
import pg from "pg";

const PRODUCERS = 16;
const GROUP_PRODUCERS = 4;
const GROUP = 100;
// What of the adds that wait goes into one call.
const GATHERED = 500;
const CALLS_AT_ONCE = 2;
const PADDING = "x".repeat(80);

const [connectionString, mode, countText, settings, secondsText] = process.argv.slice(2);
const count = Number(countText);
const deadline = () => performance.now() + Number(secondsText) * 1000;
const fast = settings === "fast";

const logger = new Logger(() => () => {});
const worker = fast
  ? { concurrentJobs: 24, maxPoolSize: 25, localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 }
  : { concurrentJobs: 8 };
const preset = { worker: { connectionString, logger, ...worker } };
const utils = await makeWorkerUtils({ connectionString, logger, maxPoolSize: PRODUCERS });
const look = new pg.Client({ connectionString });
await look.connect();

const starts = new Map();
let ran = 0;
const taskList = {
  noop(payload) {
    if (mode === "latency") starts.set(payload.n, performance.now());
    ran += 1;
  },
};
const sleep = (milliseconds) => new Promise((resolve) => setTimeout(resolve, milliseconds));
const payload = (n) => ({ n, padding: PADDING });
const spec = (n) => ({ identifier: "noop", payload: payload(n) });
const addOne = fast ? gathered() : (n) => utils.addJob("noop", payload(n));

const modes = { setup, producers, groups, backlog, latency };
const result = await modes[mode]();
if (result) console.log(JSON.stringify(result));
process.exit(0);

async function setup() {
  await utils.migrate();
}

async function producers() {
  const runner = await run({ preset, taskList });
  return timed(runner, () => inParallel(PRODUCERS, count, (n) => addOne(n)));
}

async function groups() {
  const runner = await run({ preset, taskList });
  const group = (g) => utils.addJobs(Array.from({ length: GROUP }, (_, n) => spec(g * GROUP + n)));
  return timed(runner, () => inParallel(GROUP_PRODUCERS, count / GROUP, group));
}

async function backlog() {
  for (let n = 0; n < count; n += 1000) {
    await utils.addJobs(Array.from({ length: Math.min(1000, count - n) }, (_, i) => spec(n + i)));
  }
  let runner;
  return timed({ stop: () => runner.stop() }, async () => {
    runner = await run({ preset, taskList });
  });
}

async function latency() {
  const runner = await run({ preset, taskList });
  await sleep(1500);
  await go();
  const commits = new Map();
  for (let n = 0; n < count; n += 1) {
    await sleep(15 + ((n * 7919) % 20));
    await utils.addJob("noop", payload(n));
    commits.set(n, performance.now());
  }
  const end = deadline();
  while (starts.size < count && performance.now() < end) await sleep(5);
  await runner.stop();
  const milliseconds = [...starts].map(([n, start]) => Math.max(0, start - commits.get(n)));
  return { done: starts.size, milliseconds };
}

// Times the work until the database has no job left, or the seconds are over.
async function timed(runner, work) {
  await go();
  const end = deadline();
  const [begun, cpu] = [performance.now(), process.cpuUsage()];
  await Promise.race([work(), sleep(end - performance.now())]);
  while (ran < count && performance.now() < end) await sleep(1);
  let left = await remaining();
  while (left > 0 && performance.now() < end) {
    await sleep(3);
    left = await remaining();
  }
  const seconds = (performance.now() - begun) / 1000;
  const used = process.cpuUsage(cpu);
  // In time for whoever reads, whatever still waits.
  const done = Math.min(count, ran) - Math.min(left, ran);
  const answer = { done, seconds, cpu_seconds: (used.user + used.system) / 1e6 };
  if (done === count) await runner.stop();
  return answer;
}

async function remaining() {
  const { rows } = await look.query("SELECT count(*)::int AS left FROM graphile_worker._private_jobs");
  return rows[0].left;
}

async function inParallel(workers, items, work) {
  let next = 0;
  const one = async () => {
    while (next < items) await work(next++);
  };
  await Promise.all(Array.from({ length: workers }, one));
}

// Adds that wait while a call is on its way go together into the next one. Each still waits for its own commit.
function gathered() {
  let waiting = [];
  let calls = 0;
  const send = async () => {
    const batch = waiting.splice(0, GATHERED);
    calls += 1;
    try {
      await utils.addJobs(batch.map(({ n }) => spec(n)));
      batch.forEach(({ resolve }) => resolve());
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
    calls -= 1;
    if (waiting.length > 0) send();
  };
  return (n) =>
    new Promise((resolve, reject) => {
      waiting.push({ n, resolve, reject });
      if (calls < CALLS_AT_ONCE) queueMicrotask(() => waiting.length > 0 && calls < CALLS_AT_ONCE && send());
    });
}

async function go() {
  console.log(JSON.stringify({ ready: true }));
  const lines = createInterface({ input: process.stdin });
  await new Promise((resolve) => {
    lines.once("line", resolve);
    lines.once("close", resolve);
  });
  lines.close();
}
