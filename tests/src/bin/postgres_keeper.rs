//! Keeps PostgreSQL for the tests. Started by the first that needs it; ends by itself.

fn main() -> std::io::Result<()> {
    ampule_tests::postgres::keeper::keep()
}
