//! What schedules look like, and how one is asked for.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use super::request::{JobRequest, Unreadable, read};
use super::values::{MissedText, Moment, Span};
use super::work::{NewJobDocument, milliseconds};
use crate::queue::{ScheduleInfo, Timestamp, Timing};

/// A schedule and where it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ScheduleDocument {
    /// Its name.
    pub name: String,
    /// The cron expression by which it goes, unless it goes by `every_ms`.
    pub cron: Option<String>,
    /// The time zone of the expression, by the IANA's name.
    pub zone: Option<String>,
    /// The time from tick to tick, unless it goes by `cron`.
    pub every_ms: Option<u64>,
    /// What becomes of ticks that nobody was there for.
    pub missed: MissedText,
    /// Whether it rests.
    pub paused: bool,
    /// The tick that is next.
    pub next: Option<Moment>,
    /// The last tick that was enqueued.
    pub last: Option<Moment>,
    /// Grows with every change, and is never that of a schedule of this name that was deleted before.
    pub revision: u64,
    /// What is enqueued.
    pub job: NewJobDocument,
    /// The next ticks, where they were asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Vec<Moment>>,
}

impl ScheduleDocument {
    /// The same, with its next ticks.
    #[must_use]
    pub fn with_runs(self, runs: &[Timestamp]) -> Self {
        ScheduleDocument { runs: Some(runs.iter().copied().map(Moment).collect()), ..self }
    }
}

impl From<&ScheduleInfo> for ScheduleDocument {
    fn from(info: &ScheduleInfo) -> Self {
        let schedule = &info.schedule;
        let (cron, zone, every_ms) = match &schedule.timing {
            Timing::Cron { expression, zone } => (Some(expression.clone()), Some(zone.clone()), None),
            Timing::Every(every) => (None, None, Some(milliseconds(*every))),
        };
        ScheduleDocument {
            name: schedule.name.clone(),
            cron,
            zone,
            every_ms,
            missed: MissedText(schedule.missed),
            paused: schedule.paused,
            next: info.next.filter(|_| !schedule.paused).map(Moment),
            last: info.last.map(Moment),
            revision: info.revision,
            job: (&schedule.job).into(),
            runs: None,
        }
    }
}

/// A schedule that is asked for: when, and beside it the fields of the job that is enqueued each time.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct ScheduleRequest {
    /// When.
    #[serde(flatten)]
    pub timing: TimingRequest,
    /// What is enqueued.
    #[serde(flatten)]
    pub job: JobRequest,
}

/// When a schedule's ticks are.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimingRequest {
    /// By a cron expression of five fields, or six with seconds first. Either this or `every`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cron: Option<String>,
    /// The time zone of the expression, by the IANA's name. Default `UTC`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub zone: Option<String>,
    /// At whole multiples of this, a second at least.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<Span>,
    /// What becomes of ticks that nobody was there for. Default `once`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub missed: Option<MissedText>,
    /// Whether it rests.
    pub paused: bool,
}

/// The fields of a request that say when. All others are the job's.
const OF_TIMING: [&str; 5] = ["cron", "zone", "every", "missed", "paused"];
/// Fields of a job that have no meaning in one that is enqueued again and again.
const NOT_OF_SCHEDULES: [&str; 5] = ["delay", "at", "unique", "unique_for", "unique_while_unfinished"];

impl ScheduleRequest {
    /// Reads the fields of a schedule.
    ///
    /// # Errors
    /// The first of them that cannot be read, or that schedules do not have.
    pub fn read(mut fields: Map<String, Value>) -> Result<Self, Unreadable> {
        refuse_unknown(&fields)?;
        let mut timing = Map::new();
        for name in OF_TIMING {
            timing.extend(fields.remove(name).map(|value| (name.to_owned(), value)));
        }
        Ok(ScheduleRequest { timing: read(Value::Object(timing))?, job: JobRequest::read(fields)? })
    }
}

/// Refuses a field that there is not, with those that there are: neither those of jobs nor those of timings are all.
fn refuse_unknown(fields: &Map<String, Value>) -> Result<(), Unreadable> {
    let RefOr::T(Schema::Object(schema)) = ScheduleRequest::schema() else { return Ok(()) };
    for (name, value) in fields.iter().filter(|(name, _)| !schema.properties.contains_key(*name)) {
        if !NOT_OF_SCHEDULES.contains(&name.as_str()) {
            let known: Vec<String> = schema.properties.keys().map(|name| format!("`{name}`")).collect();
            return Err(Unreadable::expected(format!("one of {}", known.join(", ")), format!("`{name}`")).within(name));
        }
        if !matches!(value, Value::Null | Value::Bool(false)) {
            let expected = "none in a schedule, which says itself when and gives each tick a key";
            return Err(Unreadable::expected(expected, "one").within(name));
        }
    }
    Ok(())
}

impl PartialSchema for ScheduleRequest {
    fn schema() -> RefOr<Schema> {
        let (mut schema, timing) = (JobRequest::schema(), TimingRequest::schema());
        if let (RefOr::T(Schema::Object(job)), RefOr::T(Schema::Object(timing))) = (&mut schema, timing) {
            job.description = Some("A schedule: when, and the job that is enqueued each time.".to_owned());
            job.properties.retain(|name, _| !NOT_OF_SCHEDULES.contains(&name.as_str()));
            job.properties.extend(timing.properties);
        }
        schema
    }
}

impl ToSchema for ScheduleRequest {
    fn name() -> Cow<'static, str> {
        Cow::Borrowed("ScheduleRequest")
    }

    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        TimingRequest::schemas(schemas);
        JobRequest::schemas(schemas);
        // Callbacks may be jobs.
        schemas.push((JobRequest::name().into_owned(), JobRequest::schema()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read(document: &Value) -> Result<ScheduleRequest, Unreadable> {
        ScheduleRequest::read(document.as_object().expect("an object").clone())
    }

    #[test]
    fn the_fields_of_a_schedule_are_those_of_its_job_and_its_own() {
        let document = json!({"cron": "0 3 * * *", "zone": "Europe/Berlin", "missed": "all=3", "paused": true,
            "program": "report", "timeout": "30s", "tag": ["nightly"]});
        let request = read(&document).expect("a schedule");
        assert_eq!(request.job.program.as_deref(), Some("report"));
        assert_eq!(serde_json::to_value(&request).expect("its JSON"), document);
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        for (document, told) in [
            (json!({"every": "1s", "program": "x", "timeout": "soon"}), "`timeout`: expected a time"),
            (json!({"every": "now", "program": "x"}), "`every`: expected a time"),
            (json!({"every": "1s", "at_err": {"program": "x", "fuel": 0}}), "`at_err.fuel`: expected a whole"),
            (json!({"every": "1s", "missed": "all"}), "`missed`: expected `skip`"),
        ] {
            let error = read(&document).expect_err(told).to_string();
            assert!(error.starts_with(told), "{error}");
        }
    }

    #[test]
    fn a_field_that_there_is_not_is_told_with_those_that_there_are() {
        let error = read(&json!({"every": "1s", "progam": "x"})).expect_err("no such field");
        assert_eq!((&*error.place, error.found.as_deref()), ("progam", Some("`progam`")));
        let expected = error.expected.expect("what there is");
        assert!(OF_TIMING.iter().chain(&["program"]).all(|name| expected.contains(&format!("`{name}`"))), "{expected}");
        assert!(!NOT_OF_SCHEDULES.iter().any(|name| expected.contains(&format!("`{name}`"))), "{expected}");
        for name in NOT_OF_SCHEDULES {
            let error = read(&json!({"every": "1s", "program": "x", name: "1s"})).expect_err(name).to_string();
            assert!(error.starts_with(&format!("`{name}`: expected none in a schedule")), "{error}");
        }
    }

    #[test]
    fn the_schema_has_the_fields_of_both_and_none_that_a_schedule_refuses() {
        let RefOr::T(Schema::Object(schema)) = ScheduleRequest::schema() else { panic!("an object") };
        assert!(OF_TIMING.iter().chain(&["program", "kwargs"]).all(|name| schema.properties.contains_key(*name)));
        assert!(!NOT_OF_SCHEDULES.iter().any(|name| schema.properties.contains_key(*name)));
    }
}
