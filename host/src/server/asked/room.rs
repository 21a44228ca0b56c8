//! How much of named sources a request may have copied. Each job keeps the text of its source for itself, so a name of a
//! few bytes in a request may come to megabytes in the queue, for each job and each callback that says it.

use super::super::problem::{Code, Problem, Result};

/// Of one job with all that follows from it, which is one document: written, and read back by each claim, as a whole.
const MAX_JOB_BYTES: usize = 16 << 20;
/// Of all jobs of a request, which are in memory together before they are stored: as much as sixteen bodies.
const MAX_REQUEST_BYTES: usize = 64 << 20;

/// What was copied so far, in bytes.
#[derive(Debug, Default)]
pub(crate) struct Room {
    job: usize,
    request: usize,
}

impl Room {
    /// The next job of the same request.
    pub(crate) fn next_job(&mut self) {
        self.job = 0;
    }

    /// Takes the room for one more copy of so many bytes.
    pub(super) fn take(&mut self, bytes: usize) -> Result<()> {
        self.job += bytes;
        self.request += bytes;
        if self.job > MAX_JOB_BYTES {
            return Err(too_large("one job with all that follows from it", MAX_JOB_BYTES, self.job));
        }
        if self.request > MAX_REQUEST_BYTES {
            return Err(too_large("all jobs of a request", MAX_REQUEST_BYTES, self.request));
        }
        Ok(())
    }
}

fn too_large(whose: &str, most: usize, found: usize) -> Problem {
    let expected = format!("at most {} MiB of named sources in {whose}, each copy counted", most >> 20);
    Problem::of_field(Code::TooLarge, "program", expected, format!("{found} bytes with this one"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn one_job_has_as_much_room_as_it_may_have_and_no_more() {
        let mut room = Room::default();
        for _ in 0..16 {
            room.take(MIB).expect("there is room");
        }
        let refused = room.take(1).expect_err("it is full");
        assert_eq!((refused.code, refused.field.as_deref()), (Code::TooLarge, Some("program")));
        assert!(refused.detail.contains("at most 16 MiB") && refused.detail.contains("16777217 bytes"), "{refused:?}");
    }

    #[test]
    fn many_jobs_share_the_room_of_their_request() {
        let mut room = Room::default();
        for _ in 0..64 {
            room.next_job();
            room.take(MIB).expect("there is room");
        }
        room.next_job();
        assert!(room.take(1).expect_err("it is full").detail.contains("at most 64 MiB"));
    }
}
