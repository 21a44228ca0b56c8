//! What is running here.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::super::App;
use super::super::access::Read;
use super::super::body::Json;
use super::super::params::NoParams;
use crate::interpreter::Readiness;
use crate::job::Digest;

/// What is running here.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct Version {
    /// Ampule's own.
    version: String,
    /// The languages of which source strings can be run here, in order.
    languages: Vec<LanguageDocument>,
}

/// A language of which source strings can be run.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
struct LanguageDocument {
    /// Its name.
    name: String,
    /// The SHA-256 of its interpreter.
    digest: Digest,
    /// `loaded`: the next job starts at once. `cached`: it is read first. `uncompiled`: it is compiled first, once, which
    /// takes a processor some twenty seconds.
    #[schema(pattern = "^(loaded|cached|uncompiled)$")]
    readiness: String,
}

pub(super) fn routes() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(version))
}

/// Tells what is running here.
#[utoipa::path(get, path = "/v1/version", tag = "server", responses((status = OK, body = Version)))]
async fn version(app: App, _: Read, _: NoParams) -> Json<Version> {
    let languages = app.runner.languages().into_iter().map(|language| LanguageDocument {
        name: language.name,
        digest: language.digest,
        readiness: readiness(language.readiness).to_owned(),
    });
    Json(Version { version: env!("CARGO_PKG_VERSION").to_owned(), languages: languages.collect() })
}

fn readiness(readiness: Readiness) -> &'static str {
    match readiness {
        Readiness::Loaded => "loaded",
        Readiness::Cached => "cached",
        Readiness::Uncompiled => "uncompiled",
    }
}
