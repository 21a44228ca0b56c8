//! Waits for what comes soon.

use std::time::Duration;

use ampule_tests::soon;

/// Looks until it is so.
pub(crate) async fn until(law: &str, is_so: impl AsyncFn() -> bool) {
    soon(law, async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    })
    .await;
}
