//! What is asked on a walk through the API, one list for each kind of thing. Each list finds what those before it left.

use ampule_tests::guest::fixture;
use serde_json::json;

use super::super::programs::program;
use super::super::walk::{Step, step};

fn wasm(token: &'static str, ask: &'static str, bytes: Vec<u8>) -> Step {
    step(token, ask).bytes("application/wasm", bytes)
}

fn picky() -> Vec<u8> {
    let schema = r#"{\"type\":\"object\",\"properties\":{\"n\":{\"type\":\"integer\"}},\"required\":[\"n\"]}"#;
    ampule::assemble(&fixture("schema").replace("SCHEMA", schema)).expect("a program")
}

pub(super) fn programs() -> Vec<Step> {
    let failing = ampule::assemble(&fixture("unreachable")).expect("a program");
    vec![
        wasm("operator", "PUT /v1/programs/answer", program("42")),
        wasm("operator", "PUT /v1/programs/answer", program("42")),
        wasm("operator", "PUT /v1/programs/picky", picky()),
        wasm("operator", "PUT /v1/programs/failing", failing),
        wasm("acme", "PUT /v1/programs/answer", program("43")),
        step("operator", "PUT /v1/programs/text").json(json!({"language": "json", "source": "[1, 2]"})),
        step("operator", "PUT /v1/programs/text").json(json!({"language": "cobol", "source": ""})),
        wasm("operator", "PUT /v1/programs/text", b"\x7fELF\x02\x01\x01\0".to_vec()),
        wasm("operator", "PUT /v1/programs/answer", program("1")).header("if-none-match", "*"),
        wasm("operator", "PUT /v1/programs/a%20b", program("1")),
        wasm("operator", "PUT /v1/programs/%FF", program("1")),
        wasm("reader", "PUT /v1/programs/answer", program("1")),
        step("reader", "GET /v1/programs"),
        step("acme", "GET /v1/programs?limit=1"),
        step("reader", "GET /v1/programs?limit=0"),
        step("reader", "GET /v1/programs/answer"),
        step("reader", "GET /v1/programs/text"),
        step("acme", "GET /v1/programs/text"),
        step("reader", "GET /v1/programs/answer?digest=abc"),
        step("reader", "GET /v1/programs/answer/versions"),
        step("reader", "GET /v1/programs/nothing/versions"),
        step("operator", "GET /v1/programs/text/wasm"),
        step("operator", "GET /v1/programs/answer/wasm?digest=abc"),
        step("operator", "GET /v1/programs/answer/wasm").quiet(),
        step("reader", "GET /v1/programs/answer/wasm"),
    ]
}

pub(super) fn programs_that_go() -> Vec<Step> {
    vec![
        step("reader", "DELETE /v1/programs/answer"),
        step("operator", "DELETE /v1/programs/nothing"),
        step("operator", "DELETE /v1/programs/answer"),
        step("operator", "DELETE /v1/programs/text"),
    ]
}

pub(super) fn runs() -> Vec<Step> {
    vec![
        step("operator", "POST /v1/run").json(json!({"program": "answer"})),
        step("operator", "POST /v1/run").json(json!({"program": "text"})),
        step("operator", "POST /v1/run").json(json!({"program": "failing"})),
        step("operator", "POST /v1/run").json(json!({"program": "picky", "kwargs": {"n": "1"}})),
        step("operator", "POST /v1/run").json(json!({"program": "nothing"})),
        step("operator", "POST /v1/run").json(json!({"program": "answer", "timeout": "2h"})),
        step("operator", "POST /v1/run").json(json!({"program": "answer", "timeout": "soon"})),
        step("reader", "POST /v1/run").json(json!({"program": "answer"})),
    ]
}

pub(super) fn jobs() -> Vec<Step> {
    let held = json!({"program": "answer", "hold": true, "tenant": "beta"});
    vec![
        step("operator", "POST /v1/jobs?wait=20s")
            .json(json!({"program": "answer", "tag": ["t"]}))
            .short_run()
            .save("ended", "/id"),
        step("operator", "PUT /v1/queues/still").json(json!({"mode": "paused"})),
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "hold": true, "on": "still"}))
            .save("held", "/id"),
        step("operator", "POST /v1/jobs?wait=50ms")
            .json(json!({"program": "answer", "hold": true, "on": "still"}))
            .save("waited", "/id"),
        step("operator", "POST /v1/jobs").json(json!({"jobs": [{"program": "answer", "hold": true, "unique": "k"}]})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "hold": true, "unique": "k"})),
        step("operator", "POST /v1/jobs").json(held.clone()).header("idempotency-key", "once"),
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "picky", "kwargs": {"n": 1}, "tenant": "beta"}))
            .header("idempotency-key", "once"),
        step("operator", "POST /v1/jobs").json(held.clone()),
        step("operator", "POST /v1/jobs").json(held),
        step("operator", "POST /v1/jobs").json(json!({"program": "picky"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "nothing"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "memory": "2GiB"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "delai": "1s"})),
        step("operator", "PUT /v1/queues/full").json(json!({"mode": "draining"})),
        step("operator", "POST /v1/jobs").json(json!({"program": "answer", "on": "full"})),
        step("acme", "POST /v1/jobs").json(json!({"program": "answer", "tenant": "other"})),
        step("reader", "GET /v1/jobs?state=completed"),
        step("acme", "GET /v1/jobs?tenant=other"),
        step("reader", "GET /v1/jobs?program=nothing"),
        step("reader", "GET /v1/jobs?state=lost"),
        step("reader", "GET /v1/jobs/counts?state=completed"),
        step("acme", "GET /v1/jobs/counts?tenant=other"),
        step("reader", "GET /v1/jobs/counts?program=nothing"),
        step("reader", "GET /v1/jobs/counts?state=lost"),
        step("reader", "GET /v1/jobs/{ended}"),
        step("reader", "GET /v1/jobs/{none}"),
        step("reader", "GET /v1/jobs/{ended}?nothing=1"),
        step("reader", "GET /v1/jobs/{ended}/events"),
        step("reader", "GET /v1/jobs/{ended}/events").header("accept", "application/json"),
        step("reader", "GET /v1/jobs/{ended}/events").header("last-event-id", "1-0-end"),
        step("reader", "GET /v1/jobs/{ended}/events").header("last-event-id", "soon"),
        step("reader", "GET /v1/jobs/{none}/events"),
    ]
}

pub(super) fn changes() -> Vec<Step> {
    let one = |ask| [step("operator", ask), step("reader", ask)];
    let all = |ask| {
        [
            step("operator", ask).json(json!({"filter": {"queue": "elsewhere"}})),
            step("reader", ask).json(json!({"filter": {}})),
            step("operator", ask).json(json!({"filter": {"program": "nothing"}})),
        ]
    };
    let mut steps = Vec::new();
    steps.extend(one("POST /v1/jobs/{held}/release"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/release"));
    steps.push(step("operator", "POST /v1/jobs/{none}/release"));
    steps.extend(one("POST /v1/jobs/{waited}/hold"));
    steps.push(
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "delay": "1h", "on": "still"}))
            .save("late", "/id"),
    );
    steps.extend(one("POST /v1/jobs/{late}/hold"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/hold"));
    steps.push(step("operator", "POST /v1/jobs/{none}/hold"));
    steps.extend(one("POST /v1/jobs/{waited}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{waited}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{none}/cancel"));
    steps.push(step("operator", "POST /v1/jobs/{none}/run-now"));
    steps.push(step("operator", "POST /v1/jobs/{ended}/run-now"));
    steps.push(
        step("operator", "POST /v1/jobs")
            .json(json!({"program": "answer", "delay": "1h", "on": "still"}))
            .save("later", "/id"),
    );
    steps.extend(one("POST /v1/jobs/{later}/run-now"));
    steps.push(step("operator", "DELETE /v1/jobs/{late}"));
    steps.push(step("reader", "POST /v1/jobs/{late}/retry"));
    steps.push(step("operator", "POST /v1/jobs/{late}/retry"));
    steps.push(step("operator", "POST /v1/jobs/{none}/retry"));
    steps.push(
        step("operator", "POST /v1/jobs?wait=20s")
            .json(json!({"program": "picky", "kwargs": {"n": 1}}))
            .save("picky", "/id"),
    );
    steps.push(step("operator", "POST /v1/jobs/{picky}/retry").json(json!({"kwargs": {"n": "1"}})));
    steps.push(step("operator", "POST /v1/jobs/{waited}/retry"));
    steps.push(step("reader", "DELETE /v1/jobs/{ended}"));
    steps.push(step("operator", "DELETE /v1/jobs/{none}"));
    steps.push(step("operator", "DELETE /v1/jobs/{ended}"));
    for ask in [
        "POST /v1/jobs/cancel",
        "POST /v1/jobs/hold",
        "POST /v1/jobs/release",
        "POST /v1/jobs/run-now",
        "POST /v1/jobs/retry",
        "POST /v1/jobs/delete",
    ] {
        steps.extend(all(ask));
    }
    steps
}

pub(super) fn schedules() -> Vec<Step> {
    let job = |cron: &str| json!({"cron": cron, "program": "answer", "paused": true});
    let mut steps = vec![
        step("operator", "PUT /v1/schedules/nightly").json(job("0 3 * * *")),
        step("operator", "PUT /v1/schedules/nightly").json(job("0 4 * * *")),
        step("operator", "PUT /v1/schedules/nightly").json(job("at night")),
        step("operator", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "nothing"})),
        step("operator", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "picky"})),
        step("acme", "PUT /v1/schedules/nightly").json(json!({"every": "1h", "program": "answer", "tenant": "other"})),
        step("operator", "PUT /v1/schedules/drained")
            .json(json!({"every": "1d", "program": "answer", "on": "full", "paused": true})),
        step("operator", "POST /v1/schedules/drained/run-now"),
        step("acme", "GET /v1/schedules"),
        step("acme", "GET /v1/schedules/nightly"),
        step("reader", "GET /v1/schedules/drained"),
        step("operator", "POST /v1/schedules/drained/pause"),
        step("operator", "POST /v1/schedules/drained/resume"),
    ];
    steps.push(step("operator", "DELETE /v1/schedules/drained"));
    for ask in ["POST /v1/schedules/nightly/run-now", "DELETE /v1/schedules/nightly"] {
        steps.push(step("reader", ask));
        steps.push(step("acme", ask));
    }
    for ask in ["POST /v1/schedules/nightly/pause", "POST /v1/schedules/nightly/resume"] {
        steps.extend([step("reader", ask), step("acme", ask)]);
    }
    steps.push(step("operator", "POST /v1/schedules/nightly/run-now"));
    steps.push(step("operator", "DELETE /v1/schedules/nightly"));
    steps.push(step("operator", "PUT /v1/schedules/yearly").json(json!({"every": "3650d", "program": "answer"})));
    steps
}

pub(super) fn queues_and_workers() -> Vec<Step> {
    vec![
        step("operator", "PUT /v1/queues/mail").json(json!({"mode": "paused", "max_running": 3})),
        step("operator", "PUT /v1/queues/mail").json(json!({"max_running": 0})),
        step("acme", "PUT /v1/queues/mail").json(json!({})),
        step("operator", "PUT /v1/queues/%FF").json(json!({})),
        step("acme", "GET /v1/queues"),
        step("acme", "GET /v1/workers"),
        step("reader", "GET /v1/workers"),
    ]
}

pub(super) fn tokens() -> Vec<Step> {
    vec![
        step("operator", "POST /v1/tokens")
            .json(json!({"name": "ci", "role": "submit", "tenant": "acme"}))
            .save("made", "/id"),
        step("operator", "POST /v1/tokens").json(json!({"name": "ci", "role": "owner"})),
        step("acme", "POST /v1/tokens").json(json!({"name": "ci", "role": "read", "tenant": "other"})),
        step("reader", "GET /v1/tokens"),
        step("reader", "DELETE /v1/tokens/{made}"),
        step("operator", "DELETE /v1/tokens/nothing"),
        step("operator", "DELETE /v1/tokens/{made}"),
        step("operator", "GET /v1/tokens").save("own", "/tokens/0/id"),
        step("operator", "DELETE /v1/tokens/{own}"),
    ]
}

pub(super) fn webhooks() -> Vec<Step> {
    // Nobody here delivers, so what is to be delivered waits.
    let told = json!({"program": "answer", "at_return": {"url": "https://receiver.invalid/", "kwargs": {"n": 1}}});
    let own = json!({"secret": "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3"});
    vec![
        step("operator", "POST /v1/jobs?wait=20s").json(told),
        step("reader", "GET /v1/webhooks").save("delivery", "/deliveries/0/id"),
        step("reader", "GET /v1/webhooks?limit=0"),
        step("acme", "GET /v1/webhooks?tenant=other"),
        step("reader", "GET /v1/webhooks/{delivery}"),
        step("reader", "GET /v1/webhooks/{none}"),
        step("operator", "POST /v1/webhooks/{delivery}/retry"),
        step("operator", "POST /v1/jobs/{delivery}/cancel"),
        step("operator", "POST /v1/webhooks/{delivery}/retry"),
        step("operator", "POST /v1/webhooks/{none}/retry"),
        step("reader", "POST /v1/webhooks/{delivery}/retry"),
        step("acme", "GET /v1/webhooks/secrets"),
        step("reader", "GET /v1/webhooks/secrets"),
        step("operator", "GET /v1/webhooks/secrets?tenant=a%20b"),
        step("operator", "DELETE /v1/webhooks/secrets/{none}?tenant=a%20b"),
        step("acme", "POST /v1/webhooks/secrets").json(json!({})).save("secret", "/secrets/1/id"),
        step("reader", "POST /v1/webhooks/secrets").json(json!({})),
        step("acme", "POST /v1/webhooks/secrets").json(own.clone()).save("newest", "/secrets/0/id"),
        step("acme", "POST /v1/webhooks/secrets").json(own),
        step("acme", "DELETE /v1/webhooks/secrets/{newest}"),
        step("acme", "DELETE /v1/webhooks/secrets/{secret}"),
        step("acme", "DELETE /v1/webhooks/secrets/nothing"),
        step("reader", "DELETE /v1/webhooks/secrets/nothing"),
    ]
}

pub(super) fn server() -> Vec<Step> {
    vec![
        step("nobody", "GET /healthz"),
        step("nobody", "GET /readyz"),
        step("reader", "GET /metrics").quiet(),
        step("acme", "GET /metrics"),
        step("nobody", "GET /docs").quiet(),
        step("nobody", "GET /openapi.json").quiet(),
        step("reader", "GET /v1/version"),
        step("nobody", "GET /v1/version"),
        step("reader", "GET /nowhere"),
        step("reader", "PATCH /v1/version"),
    ]
}
