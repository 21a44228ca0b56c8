//! Which jobs are meant, from what was written to what a queue is asked.

use ampule::queue::{Filter, Queue};
use ampule::{Digest, ProgramRef};

use crate::args::FilterArgs;
use crate::exit::Fault;
use crate::printable::printable_line;

/// The filter. A program's name means the bytes that it means now, and moments are counted from the queue's clock.
pub(super) async fn filter(args: &FilterArgs, queue: &dyn Queue) -> Result<Filter, Fault> {
    let program = match &args.program {
        Some(program) => Some(digest(program, queue).await?),
        None => None,
    };
    let now = queue.clock().await?;
    Ok(Filter {
        states: args.state.clone(),
        queue: args.on.clone(),
        tenant: args.tenant.clone(),
        tag: args.tag.clone(),
        program,
        name: args.name.clone(),
        kind: args.kind,
        text: args.text.clone(),
        since: args.since.map(|when| when.moment(now)),
        until: args.until.map(|when| when.moment(now)),
        parent: args.parent,
    })
}

/// The bytes that a name means now, if the queue knows it.
pub(super) async fn named(name: &str, queue: &dyn Queue) -> Result<Option<Digest>, Fault> {
    let programs = queue.programs().await?;
    Ok(programs
        .iter()
        .find(|program| program.names.iter().any(|known| known.name == name))
        .map(|program| program.digest))
}

async fn digest(program: &str, queue: &dyn Queue) -> Result<Digest, Fault> {
    if let ProgramRef::Digest(digest) = ProgramRef::from(program) {
        return Ok(digest);
    }
    named(program, queue).await?.ok_or_else(|| {
        Fault::Usage(format!(
            "--program: expected a name that means a program in the queue, found `{}`; jobs of a named source \
             are found with --name",
            printable_line(program)
        ))
    })
}
