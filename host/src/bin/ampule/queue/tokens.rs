//! `ampule tokens`: who may speak to the servers of a queue, and for what.

use std::process::ExitCode;

use ampule::queue::Timestamp;
use ampule::server::{MadeTokenDocument, Token, TokenDocument, Tokens};
use serde_json::json;

use super::table::table;
use super::{open_database, open_or_make_database, when};
use crate::args::{CreateTokenArgs, TokensAction, TokensArgs};
use crate::config::Config;
use crate::exit::Fault;
use crate::report;

pub(super) async fn run(args: &TokensArgs, config: &Config) -> Result<ExitCode, Fault> {
    let (url, json) = (&args.report.url, args.report.json);
    match &args.action {
        None | Some(TokensAction::List) => {
            let queue = open_database(url, config).await?;
            let now = queue.clock().await?;
            list(&Tokens::new(queue), now, json).await?;
        }
        // Before the first server and the first job there is a token.
        Some(TokensAction::Create(token)) => {
            let queue = open_or_make_database(url, config).await?;
            let now = queue.clock().await?;
            create(&Tokens::new(queue), token, now, json).await?;
        }
        Some(TokensAction::Revoke { ids }) => {
            revoke(&Tokens::new(open_database(url, config).await?), ids, json).await?
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(tokens: &Tokens, now: Timestamp, json: bool) -> Result<(), Fault> {
    let tokens = tokens.list().await?;
    if json {
        let documents: Vec<_> = tokens.iter().map(TokenDocument::from).collect();
        return report::print_json(&json!({ "tokens": documents }));
    }
    if tokens.is_empty() {
        report::note(&mut anstream::stderr().lock(), "no tokens; `ampule tokens create` makes one");
        return Ok(());
    }
    let rows = tokens.iter().map(|token| row(token, now)).collect();
    report::print(&table(["ID", "ROLE", "TENANT", "MADE", "EXPIRES", "USED", "NAME"], rows))
}

fn row(token: &Token, now: Timestamp) -> [String; 7] {
    let distance = |moment: Timestamp| when::distance(now, moment);
    [
        token.id.clone(),
        token.role.as_str().to_owned(),
        token.tenant.clone().unwrap_or_else(|| "-".to_owned()),
        distance(token.made_at),
        token.expires_at.map_or_else(|| "never".to_owned(), distance),
        token.used_at.map_or_else(|| "never".to_owned(), distance),
        token.name.clone(),
    ]
}

async fn create(tokens: &Tokens, args: &CreateTokenArgs, now: Timestamp, json: bool) -> Result<(), Fault> {
    let expires_at = args.expires.map(|expires| expires.moment(now));
    let (token, text) = tokens.make(&args.name, args.role, args.tenant.clone(), expires_at).await?;
    if json {
        let document = MadeTokenDocument { token: text, known: TokenDocument::from(&token) };
        return report::print_json(&serde_json::to_value(document).map_err(anyhow::Error::from)?);
    }
    report::print(&format!("{text}\n"))?;
    let note = format!("keep it: it is shown here and never again; `ampule tokens revoke {}` ends it", token.id);
    report::note(&mut anstream::stderr().lock(), &note);
    Ok(())
}

async fn revoke(tokens: &Tokens, ids: &[String], json: bool) -> Result<(), Fault> {
    for id in ids {
        if tokens.get(id).await?.is_none() {
            return Err(Fault::Usage(format!("expected the id of a token of this queue, found {id:?}")));
        }
    }
    for id in ids {
        tokens.revoke(id).await?;
    }
    if json {
        return report::print_json(&json!({ "revoked": ids }));
    }
    let words = if ids.len() == 1 { "token" } else { "tokens" };
    report::print(&format!("{} {words} revoked\n", ids.len()))
}
