//! The JSON documents that people and programs read and write: what the command prints and what the server answers.
//!
//! The only place where they are made. Their fields, the order of these and their nulls are promised to whoever parses
//! them. Moments are RFC 3339 in UTC to the millisecond; what is not known is null.

mod inspection;
mod job;
mod names;
mod program;
mod queue;
mod request;
mod run;
mod schedule;
mod summary;
mod values;
mod work;

pub use self::inspection::{ExportDocument, ImportDocument, InspectionDocument};
pub use self::job::{AttemptDocument, EndedDocument, EventDocument, EventName, JobDocument};
pub use self::program::{
    NamedDocument, ProgramDocument, ProgramsDocument, SourceRequest, VersionDocument, VersionsDocument,
};
pub use self::queue::{
    BatchDocument, ChangedDocument, EnqueuedDocument, QueueDocument, UnchangedDocument, WorkerDocument,
};
pub(crate) use self::request::read;
pub use self::request::{
    BatchRequest, CallbackRequest, ChangeRequest, ClosureRequest, FilterRequest, JobRequest, RetryRequest, RunRequest,
    Submission, Unreadable, WebhookRequest,
};
pub use self::run::{FailureDocument, FrameDocument, LogDocument, RunDocument, TruncatedDocument, UsageDocument};
pub use self::schedule::{ScheduleDocument, ScheduleRequest, TimingRequest};
pub use self::summary::SummaryDocument;
pub use self::values::{
    BackoffText, DirectoryText, FuelAmount, LanguageName, MissedText, Moment, Size, Span, Time, When, WhenText,
    backoff, byte_count, directory_parts, fuel, language, missed, moment, size, span, time, when,
};
pub use self::work::{
    BackoffDocument, CallbackDocument, DeliveryDocument, DirectoryDocument, GrantsDocument, LimitsDocument,
    NewJobDocument, PayloadDocument, RetryDocument, WorkDocument,
};
