//! Answers every request with a line, as the first example of `wasmtime serve` does.

use wasi::exports::http::incoming_handler::Guest;
use wasi::http::types::{Fields, IncomingRequest, OutgoingBody, OutgoingResponse, ResponseOutparam};

struct Hello;

impl Guest for Hello {
    fn handle(_request: IncomingRequest, out: ResponseOutparam) {
        let response = OutgoingResponse::new(Fields::new());
        let body = response.body().expect("taken once");
        ResponseOutparam::set(out, Ok(response));
        let stream = body.write().expect("taken once");
        stream.blocking_write_and_flush(b"hello\n").expect("somebody reads");
        drop(stream);
        OutgoingBody::finish(body, None).expect("the whole body was written");
    }
}

wasi::http::proxy::export!(Hello);
