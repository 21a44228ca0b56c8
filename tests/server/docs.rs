//! The page that shows the document: complete in itself, and shut off from everything else.

use ampule_tests::served::Served;
use reqwest::{Method, Response, StatusCode};

async fn open(served: &Served, path: &str) -> Response {
    served.client.get(format!("{}{path}", served.base)).send().await.expect("an answer")
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().expect("text"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_and_its_parts_come_without_a_token_each_as_what_it_is() {
    let served = Served::start().await;
    let parts = [("/docs", "text/html"), ("/docs/page.css", "text/css"), ("/docs/page.js", "text/javascript")];
    for (path, kind) in parts {
        let response = open(&served, path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        assert_eq!(header(&response, "content-type"), format!("{kind}; charset=utf-8"), "{path}");
        assert!(!response.text().await.expect("a body").is_empty(), "{path}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_page_may_run_its_own_script_alone() {
    let served = Served::start().await;
    let response = open(&served, "/docs").await;
    let policy = header(&response, "content-security-policy").to_owned();
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(policy.contains("frame-ancestors 'none'") && !policy.contains("unsafe"), "{policy}");
    let page = response.text().await.expect("a page");
    let script = open(&served, "/docs/page.js").await.text().await.expect("a script");
    let style = open(&served, "/docs/page.css").await.text().await.expect("a style");
    for (name, text) in [("page", &page), ("script", &script), ("style", &style)] {
        for foreign in ["http://", "https://", "//cdn", "@import", "url("] {
            assert!(!text.contains(foreign), "the {name} has {foreign}");
        }
    }
    for unsafe_way in ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "new Function"] {
        assert!(!script.contains(unsafe_way), "{unsafe_way}");
    }
    for inline in [" onclick", " onload", " style=", "<style", "javascript:"] {
        assert!(!page.contains(inline), "{inline}");
    }
    assert!(page.contains(r#"<script src="docs/page.js" defer></script>"#), "the one script is a file");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_answer_keeps_browsers_from_guessing_framing_and_telling() {
    let served = Served::start().await;
    let token = &served.admin;
    for (method, path) in [
        (Method::GET, "/docs"),
        (Method::GET, "/openapi.json"),
        (Method::GET, "/v1/version"),
        (Method::PATCH, "/v1/version"),
        (Method::GET, "/nowhere"),
    ] {
        let response = served.request_as(token, method, path).send().await.expect("an answer");
        assert_eq!(header(&response, "x-content-type-options"), "nosniff", "{path}");
        assert_eq!(header(&response, "referrer-policy"), "no-referrer", "{path}");
        assert_eq!(header(&response, "x-frame-options"), "DENY", "{path}");
        assert_eq!(header(&response, "cache-control"), "no-store", "{path}");
        assert!(header(&response, "content-security-policy").contains("frame-ancestors 'none'"), "{path}");
    }
}
