//! `ampule tokens`: who may speak to the servers of a queue, and for what.

use std::process::ExitCode;
use std::sync::Arc;

use ampule::queue::Timestamp;
use ampule::server::{MadeTokenDocument, TokenDocument, Tokens};
use serde_json::json;

use super::table::table;
use super::{Opened, open, open_or_make, when};
use crate::args::{CreateTokenArgs, TokensAction, TokensArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::report;

pub(super) async fn run(args: &TokensArgs, config: &Config) -> Result<ExitCode, Fault> {
    let (url, json) = (&args.report.url, args.report.json);
    match &args.action {
        None | Some(TokensAction::List) => list(&open(url, config).await?, json).await?,
        // Before the first server and the first job there is a token.
        Some(TokensAction::Create(token)) => create(&open_or_make(url, config).await?, token, json).await?,
        Some(TokensAction::Revoke { ids }) => revoke(&open(url, config).await?, ids, json).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The tokens of a queue, kept in its database.
fn kept(queue: &Opened) -> Tokens {
    Tokens::new(Arc::clone(&queue.queue))
}

/// The tokens that there are, or that the server tells of.
async fn known(queue: &Opened) -> Result<Vec<TokenDocument>, Fault> {
    Ok(match &queue.server {
        Some(server) => server.tokens().await?,
        None => kept(queue).list().await?.iter().map(TokenDocument::from).collect(),
    })
}

async fn list(queue: &Opened, json: bool) -> Result<(), Fault> {
    let tokens = known(queue).await?;
    if json {
        return report::print_json(&json!({ "tokens": tokens }));
    }
    if tokens.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no tokens; `ampule tokens create` makes one");
        return Ok(());
    }
    let now = queue.clock().await?;
    let rows = tokens.iter().map(|token| row(token, now)).collect();
    report::print(&table(["ID", "ROLE", "TENANT", "MADE", "EXPIRES", "USED", "NAME"], rows))
}

fn row(token: &TokenDocument, now: Timestamp) -> [String; 7] {
    let distance = |moment: Timestamp| when::distance(now, moment);
    [
        token.id.clone(),
        token.role.as_str().to_owned(),
        token.tenant.clone().unwrap_or_else(|| "-".to_owned()),
        distance(token.made_at.0),
        token.expires_at.as_ref().map_or_else(|| "never".to_owned(), |end| distance(end.0)),
        token.used_at.as_ref().map_or_else(|| "never".to_owned(), |used| distance(used.0)),
        token.name.clone(),
    ]
}

async fn create(queue: &Opened, args: &CreateTokenArgs, json: bool) -> Result<(), Fault> {
    let now = queue.clock().await?;
    let expires_at = args.expires.map(|expires| expires.moment(now));
    let made = match &queue.server {
        Some(server) => server.make_token(&args.name, args.role, args.tenant.as_deref(), expires_at).await?,
        None => {
            let (token, text) = kept(queue).make(&args.name, args.role, args.tenant.clone(), expires_at).await?;
            MadeTokenDocument { token: text, known: TokenDocument::from(&token) }
        }
    };
    if json {
        return report::print_json(&serde_json::to_value(made).map_err(anyhow::Error::from)?);
    }
    report::print(&format!("{}\n", made.token))?;
    let note = format!("keep it: it is shown here and never again; `ampule tokens revoke {}` ends it", made.known.id);
    report::note(&mut anstream::stderr().lock(), &note);
    Ok(())
}

async fn revoke(queue: &Opened, ids: &[String], json: bool) -> Result<(), Fault> {
    let known = known(queue).await?;
    for id in ids {
        if known.iter().all(|token| token.id != *id) {
            return Err(Fault::Usage(format!("expected the id of a token of this queue, found {id:?}")));
        }
    }
    for id in ids {
        match &queue.server {
            Some(server) => server.revoke_token(id).await?,
            None => drop(kept(queue).revoke(id).await?),
        }
    }
    if json {
        return report::print_json(&json!({ "revoked": ids }));
    }
    let words = if ids.len() == 1 { "token" } else { "tokens" };
    report::print(&format!("{} {words} revoked\n", ids.len()))
}
