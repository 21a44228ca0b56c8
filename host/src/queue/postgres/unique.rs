//! Unique keys: taken before their jobs are stored, in the same transaction.

use std::collections::{BTreeMap, HashMap};

use sqlx::Row as _;
use sqlx::postgres::PgConnection;

use super::connection::{Stop, Work};
use super::insert::{Asked, known};
use super::rows::{Read as _, given, now, scope, text, uuid};
use crate::job::JobId;
use crate::queue::{Error, Now, UniqueKey};

/// How often a key is looked at that is neither free nor taken: somebody gives it back just then.
const LOOKS: usize = 20;

/// A tenant, empty for none, and its key.
type Key<'r> = (&'r str, &'r str);

/// Takes the keys of these rows, and says of each row who has its key already.
pub(super) async fn take_keys(connection: &mut PgConnection, asked: &[Asked<'_>]) -> Result<Vec<Option<JobId>>, Stop> {
    if asked.iter().all(|asked| asked.row.unique.is_none()) {
        return Ok(vec![None; asked.len()]);
    }
    let ids: Vec<JobId> = asked.iter().map(|asked| asked.row.id).collect();
    let known = known(connection, &ids).await?;
    // The first of a key is to have it. In order, so that two who want the same keys do not wait for each other.
    let mut wanted: BTreeMap<Key<'_>, Asked<'_>> = BTreeMap::new();
    for asked in asked.iter().filter(|asked| !known.contains(&asked.row.id)) {
        if let Some(key) = key(asked) {
            wanted.entry(key).or_insert(*asked);
        }
    }
    let holders = hold(connection, &wanted).await?;
    for (key, asked) in wanted.iter().filter(|(_, asked)| asked.row.by_request) {
        if holders.get(key).is_some_and(|holder| holder.mark() != asked.row.id.mark()) {
            return Err(Error::KeyTaken(key.1.to_owned()).into());
        }
    }
    let holder = |asked: &Asked<'_>| {
        let holder = *holders.get(&key(asked)?)?;
        (!known.contains(&asked.row.id) && holder != asked.row.id).then_some(holder)
    };
    Ok(asked.iter().map(holder).collect())
}

fn key<'r>(asked: &Asked<'r>) -> Option<Key<'r>> {
    Some((asked.row.tenant.as_deref().unwrap_or_default(), &*asked.row.unique.as_ref()?.key))
}

/// Takes what is free or lapsed, and gives who has each key then.
async fn hold<'r>(
    connection: &mut PgConnection,
    wanted: &BTreeMap<Key<'r>, Asked<'r>>,
) -> Result<HashMap<Key<'r>, JobId>, Stop> {
    let names: HashMap<Key<'_>, Key<'r>> = wanted.keys().map(|key| (*key, *key)).collect();
    let mut holders = HashMap::with_capacity(wanted.len());
    for _ in 0..LOOKS {
        let open: Vec<(Key<'r>, Asked<'r>)> =
            wanted.iter().filter(|(key, _)| !holders.contains_key(*key)).map(|(key, asked)| (*key, *asked)).collect();
        if open.is_empty() {
            return Ok(holders);
        }
        let found = insert_keys(connection, &open).await?;
        let found = found.into_iter().chain(read_keys(connection, &open).await?);
        for (tenant, key, holder) in found {
            if let Some(key) = names.get(&(&*tenant, &*key)) {
                holders.entry(*key).or_insert(holder);
            }
        }
    }
    Err(Error::Unavailable("a unique key is taken and given back all the time".to_owned()).into())
}

/// Waits for those who take or give back the same keys, and gives those that are ours now.
async fn insert_keys(
    connection: &mut PgConnection,
    open: &[(Key<'_>, Asked<'_>)],
) -> Result<Vec<(String, String, JobId)>, Stop> {
    let scopes: Vec<_> = open
        .iter()
        .map(|(_, asked)| asked.row.unique.as_ref().map_or((0, None), |unique| scope(unique.scope)))
        .collect();
    let found = sqlx::query(concat!(
        "INSERT INTO ampule.unique_keys AS held (tenant, key, job, scope, until) \
         SELECT tenant, key, job, scope, ",
        now!("given"),
        " + period_ms * interval '1 ms' \
         FROM unnest($1::text[], $2::text[], $3::uuid[], $4::smallint[], $5::bigint[], $6::timestamptz[]) \
           AS k (tenant, key, job, scope, period_ms, given) \
         ON CONFLICT (tenant, key) DO UPDATE SET job = excluded.job, scope = excluded.scope, until = excluded.until \
           WHERE held.until <= ",
        now!("$7"),
        " RETURNING tenant, key, job",
    ))
    .bind(open.iter().map(|((tenant, _), _)| *tenant).collect::<Vec<_>>())
    .bind(open.iter().map(|((_, key), _)| *key).collect::<Vec<_>>())
    .bind(open.iter().map(|(_, asked)| uuid(asked.row.id)).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(scope, _)| *scope).collect::<Vec<_>>())
    .bind(scopes.iter().map(|(_, period)| *period).collect::<Vec<_>>())
    .bind(open.iter().map(|(_, asked)| given(asked.now)).collect::<Vec<_>>())
    // They are of one call, so of one time.
    .bind(open.first().and_then(|(_, asked)| given(asked.now)))
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok((row.try_get("tenant")?, row.try_get("key")?, row.id("job")?))).collect()
}

async fn read_keys(
    connection: &mut PgConnection,
    open: &[(Key<'_>, Asked<'_>)],
) -> Result<Vec<(String, String, JobId)>, Stop> {
    let found = sqlx::query(
        "SELECT h.tenant, h.key, h.job FROM unnest($1::text[], $2::text[]) AS k (tenant, key) \
         JOIN ampule.unique_keys h ON h.tenant = k.tenant AND h.key = k.key",
    )
    .bind(open.iter().map(|((tenant, _), _)| *tenant).collect::<Vec<_>>())
    .bind(open.iter().map(|((_, key), _)| *key).collect::<Vec<_>>())
    .fetch_all(connection)
    .await?;
    found.iter().map(|row| Ok((row.try_get("tenant")?, row.try_get("key")?, row.id("job")?))).collect()
}

/// The jobs that have these keys.
pub(super) fn holders<'c>(
    connection: &'c mut PgConnection,
    (keys, at): &'c (&[UniqueKey], Now),
) -> Work<'c, Vec<Option<JobId>>> {
    Box::pin(async move {
        let found = sqlx::query(concat!(
            "SELECT h.job FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS k (tenant, key, place) \
             LEFT JOIN ampule.unique_keys h \
               ON h.tenant = k.tenant AND h.key = k.key AND (h.until IS NULL OR h.until > ",
            now!("$3"),
            ") ORDER BY k.place",
        ))
        .bind(keys.iter().map(|key| text(key.tenant.as_deref().unwrap_or_default())).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| text(&key.key)).collect::<Vec<_>>())
        .bind(given(*at))
        .fetch_all(connection)
        .await?;
        Ok(found.iter().map(|row| row.optional_id("job")).collect::<sqlx::Result<_>>()?)
    })
}
